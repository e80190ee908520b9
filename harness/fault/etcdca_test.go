package fault

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/pki"
	"github.com/nov30/nov30/harness/pki/pkitest"
)

func (m *master) certificate(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	certs, err := pki.ParsePEM([]byte(m.node.Content(etcdPKI + name + ".crt")))
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

func TestCertificatesThatEndTomorrowAreRightToday(t *testing.T) {
	m := newMaster(t)
	before := map[string]*x509.Certificate{}
	for _, name := range etcdCerts {
		before[name] = m.certificate(t, name)
	}
	j := &journaltest.Journal{}
	if err := (EndEtcdCertsTomorrow{Clock: clockwork.NewFakeClockAt(night)}).Inject(t.Context(), m, j); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(m.ca.Cert)
	for _, name := range etcdCerts {
		c := m.certificate(t, name)
		if left := c.NotAfter.Sub(night); left < 23*time.Hour || left >= 24*time.Hour {
			t.Errorf("%s lives for another %s, want a little less than a day", name, left)
		}
		if c.SerialNumber.Cmp(before[name].SerialNumber) == 0 || !bytes.Equal(c.RawSubject, before[name].RawSubject) {
			t.Errorf("%s: serial %x, subject %s", name, c.SerialNumber, c.Subject)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: night, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%s is wrong today: %v", name, err)
		}
		if _, err := tls.X509KeyPair([]byte(m.node.Content(etcdPKI+name+".crt")), []byte(m.node.Content(etcdPKI+name+".key"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(j.Inverses) != len(etcdCerts) || m.apiserver[0] != "4711" || !strings.Contains(strings.Join(m.connections, " "), "sk:1a") {
		t.Errorf("%d inverses, API server %v, connections %v", len(j.Inverses), m.apiserver, m.connections)
	}
	m.assertSecret(t)
}

func TestTomorrowsEndThatIsNotServedIsAnError(t *testing.T) {
	m := newMaster(t)
	m.serveOld = "192.0.2.1:2380"
	err := EndEtcdCertsTomorrow{Clock: running(t)}.Inject(t.Context(), m, &journaltest.Journal{})
	if !errors.Is(err, ErrNotServed) || !strings.HasPrefix(err.Error(), "etcd-certs-end-tomorrow: ") {
		t.Errorf("got %v", err)
	}
}

func TestAResignedCAIsAnotherCertificateOfTheSameAuthority(t *testing.T) {
	m := newMaster(t)
	f := ResignEtcdCA{Clock: clockwork.NewFakeClockAt(night)}
	j := &journaltest.Journal{Before: func(i journal.Inverse) {
		if m.node.Content(i.Path) != string(m.ca.CertPEM) || string(i.Preimage) != string(m.ca.CertPEM) {
			t.Errorf("%s was changed before its inverse was journaled", i.Path)
		}
	}}
	if err := f.Inject(t.Context(), m, j); err != nil {
		t.Fatal(err)
	}
	ca, old := m.certificate(t, "ca"), m.ca.Cert
	if ca.SerialNumber.Cmp(old.SerialNumber) == 0 || ca.NotBefore.Equal(old.NotBefore) || ca.NotAfter.Equal(old.NotAfter) {
		t.Errorf("serial %x, life %s to %s: nothing is new", ca.SerialNumber, ca.NotBefore, ca.NotAfter)
	}
	if !bytes.Equal(ca.RawSubject, old.RawSubject) || !bytes.Equal(ca.RawSubjectPublicKeyInfo, old.RawSubjectPublicKeyInfo) || !ca.IsCA || ca.CheckSignatureFrom(old) != nil {
		t.Errorf("%s is another authority", ca.Subject)
	}
	for _, name := range etcdCerts {
		if err := m.certificate(t, name).CheckSignatureFrom(ca); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.assertHealthy(t) // no leaf was touched
	if len(j.Inverses) != 1 {
		t.Errorf("%d inverses for one file", len(j.Inverses))
	}
	m.assertSecret(t)
}

func TestAResignedCAUnderWhichALeafIsWrongIsAnError(t *testing.T) {
	for name, leaf := range map[string]func(*master) string{
		"of another authority": func(*master) string {
			other := pkitest.CA(t, pkitest.ECDSA(t), night.AddDate(-2, 0, 0), night.AddDate(8, 0, 0))
			return string(pkitest.Leaf(t, other, pkitest.ECDSA(t), "x", night.AddDate(-1, 0, 0), night.AddDate(1, 0, 0)).CertPEM)
		},
		"expired": func(m *master) string {
			return string(pkitest.Leaf(t, m.ca, pkitest.ECDSA(t), "x", night.AddDate(-1, 0, 0), night.AddDate(0, 0, -1)).CertPEM)
		},
	} {
		m := newMaster(t)
		m.node.Put(etcdPKI+"peer.crt", []byte(leaf(m)), 0o644)
		err := ResignEtcdCA{Clock: clockwork.NewFakeClockAt(night)}.Inject(t.Context(), m, &journaltest.Journal{})
		if !errors.Is(err, ErrNotTrusted) || !strings.Contains(err.Error(), "192.0.2.1:2380") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestACAThatCannotBeResignedIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*master)
		fails int
	}{
		"no key":      {func(m *master) { _ = os.Remove(m.node.Host(etcdPKI + "ca.key")) }, 0},
		"foreign key": {func(m *master) { m.node.Put(etcdPKI+"ca.key", []byte(m.node.Content(etcdPKI+"peer.key")), 0o600) }, 0},
		"no journal":  {func(*master) {}, 1},
	} {
		m := newMaster(t)
		c.spoil(m)
		j := &journaltest.Journal{Fails: c.fails}
		if err := (ResignEtcdCA{Clock: clockwork.NewFakeClockAt(night)}).Inject(t.Context(), m, j); err == nil || len(j.Inverses) > 0 {
			t.Errorf("%s: %v, %d inverses", name, err, len(j.Inverses))
		}
		if m.node.Content(etcdPKI+"ca.crt") != string(m.ca.CertPEM) {
			t.Errorf("%s: the CA was changed", name)
		}
	}
}

func TestACAThatOnlySeemsWrittenIsFoundOut(t *testing.T) {
	m := newMaster(t)
	m.node.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if strings.Contains(strings.Join(argv, " "), "got=") {
			return nil, nil
		}
		return m.intercept(argv, run)
	}
	if err := (ResignEtcdCA{Clock: clockwork.NewFakeClockAt(night)}).Inject(t.Context(), m, &journaltest.Journal{}); err == nil {
		t.Error("the old CA is still there, yet the fault is content")
	}
}
