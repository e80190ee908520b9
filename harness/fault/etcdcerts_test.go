package fault

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/pki"
)

func TestExpiredCertificatesAreThoseOfTheNight(t *testing.T) {
	m := newMaster(t)
	if err := m.fault(false).Inject(t.Context(), m, &journaltest.Journal{}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(m.ca.Cert)
	for _, name := range etcdCerts {
		content := m.node.Content(etcdPKI + name + ".crt")
		certs, err := pki.ParsePEM([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		c := certs[0]
		if pki.ValidityAt(c, night) != pki.Expired || night.Sub(c.NotAfter) > time.Hour || c.NotAfter.Sub(c.NotBefore) != 365*24*time.Hour {
			t.Errorf("%s lives from %s to %s, want a year that has just ended", name, c.NotBefore, c.NotAfter)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: c.NotAfter}); err != nil {
			t.Errorf("%s is wrong beyond its expiry: %v", name, err)
		}
		if _, err := tls.X509KeyPair([]byte(content), []byte(m.node.Content(etcdPKI+name+".key"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	m.assertSecret(t)
}

func TestLatentCutsNothing(t *testing.T) {
	m := newMaster(t)
	before := m.connections
	if err := m.fault(false).Inject(t.Context(), m, &journaltest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if len(m.connections) != len(before) || m.listings != 0 || m.apiserver[0] != "4711" {
		t.Errorf("connections %v, API server %v: the latent fault ended its own latent phase", m.connections, m.apiserver)
	}
}

func TestCutEndsTheConnectionsAndTheAPIServer(t *testing.T) {
	m := newMaster(t)
	if err := m.fault(true).Inject(t.Context(), m, &journaltest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(m.connections, " "), "sk:1a") || m.apiserver[0] == "4711" {
		t.Errorf("connections %v, API server %v", m.connections, m.apiserver)
	}
	for _, argv := range m.node.Calls {
		if line := strings.Join(argv, " "); strings.HasPrefix(line, "ss") && strings.Contains(line, "6443") {
			t.Errorf("the API server's own clients were cut: %s", line)
		}
	}
}

func TestEveryInverseIsJournaledBeforeItsChangeAndUndoesIt(t *testing.T) {
	m := newMaster(t)
	f, err := journal.Create(filepath.Join(t.TempDir(), "journal"), journal.Meta{Run: "r1", Cluster: m.Name(),
		CASHA256: pki.Fingerprint(m.ca.Cert), APIServer: "https://127.0.0.1:6443", Created: night})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kept := &journaltest.Journal{Before: func(inv journal.Inverse) {
		if m.node.Content(inv.Path) != m.healthy[inv.Path] || string(inv.Preimage) != m.healthy[inv.Path] {
			t.Errorf("%s was changed before its inverse was journaled", inv.Path)
		}
		if err := f.Append(inv); err != nil {
			t.Error(err)
		}
	}}
	if err := m.fault(true).Inject(t.Context(), m, kept); err != nil {
		t.Fatal(err)
	}
	if len(kept.Inverses) != 3 {
		t.Errorf("%d inverses for 3 files", len(kept.Inverses))
	}
	raw, err := os.ReadFile(f.Path())
	if err != nil || strings.Contains(string(raw), "PRIVATE") {
		t.Errorf("%v: a key is in the journal", err)
	}
	if err := f.Revert(t.Context(), m, nil); err != nil {
		t.Error(err)
	}
	m.assertHealthy(t)
}

func TestWithoutAJournalNothingIsChanged(t *testing.T) {
	for fails := 1; fails <= 3; fails++ {
		m := newMaster(t)
		j := &journaltest.Journal{Fails: fails}
		err := m.fault(true).Inject(t.Context(), m, j)
		if !errors.Is(err, journaltest.ErrFull) {
			t.Errorf("got %v, want %v", err, journaltest.ErrFull)
		}
		for _, inv := range j.Inverses {
			delete(m.healthy, inv.Path) // journaled, so allowed to be changed
		}
		if len(m.healthy) != 4-fails {
			t.Errorf("append %d failed, but %d inverses were kept", fails, len(j.Inverses))
		}
		m.assertHealthy(t)
		if m.apiserver[0] != "4711" {
			t.Error("the API server was killed all the same")
		}
	}
}

func TestAFaultThatDoesNotBiteIsAnError(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:2379", "192.0.2.1:2380"} {
		m := newMaster(t)
		m.serveOld = endpoint
		err := m.impatient(t, true).Inject(t.Context(), m, &journaltest.Journal{})
		if !errors.Is(err, ErrNotServed) || !strings.Contains(err.Error(), endpoint) {
			t.Errorf("%s serves the old certificate: %v", endpoint, err)
		}
		if m.apiserver[0] != "4711" {
			t.Error("the API server was killed for nothing")
		}
		m.assertSecret(t, err)
	}
}

func TestANodeThatOnlySaysItWroteIsFoundOut(t *testing.T) {
	m := newMaster(t)
	lie := func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if strings.Contains(strings.Join(argv, " "), "got=") {
			return nil, nil
		}
		return m.intercept(argv, run)
	}
	m.node.Intercept = lie
	j := &journaltest.Journal{}
	if err := m.fault(true).Inject(t.Context(), m, j); err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("got %v, want the content found unchanged", err)
	}
	if len(j.Inverses) != 1 {
		t.Errorf("went on after the lie: %d inverses", len(j.Inverses))
	}
}

func TestWhatCannotBeSignedLeavesTheNodeUntouched(t *testing.T) {
	for name, spoil := range map[string]func(*master){
		"no CA key":      func(m *master) { _ = os.Remove(m.node.Host(etcdPKI + "ca.key")) },
		"foreign CA key": func(m *master) { m.node.Put(etcdPKI+"ca.key", []byte(m.node.Content(etcdPKI+"peer.key")), 0o600) },
		"no leaf": func(m *master) {
			_ = os.Remove(m.node.Host(etcdPKI + "peer.crt"))
			delete(m.healthy, etcdPKI+"peer.crt")
		},
		"garbage leaf": func(m *master) {
			m.node.Put(etcdPKI+"peer.crt", []byte("x"), 0o644)
			delete(m.healthy, etcdPKI+"peer.crt")
		},
		"node off": func(m *master) { m.node.Running = false },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaster(t)
			spoil(m)
			j := &journaltest.Journal{}
			if err := m.fault(true).Inject(t.Context(), m, j); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("got %v", err)
			}
			if len(j.Inverses) != 0 {
				t.Errorf("%d inverses of nothing", len(j.Inverses))
			}
			m.assertHealthy(t)
		})
	}
}

func TestACutThatDidNotHappenIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*master)
		want  error
	}{
		"nothing to cut":     {func(m *master) { m.connections = nil }, ErrNothingCut},
		"kernel will not":    {func(m *master) { m.uncuttable = true }, ErrNotCut},
		"no ss":              {func(m *master) { delete(m.node.Commands, "ss") }, nil},
		"ss without cookies": {func(m *master) { m.connections = []string{"0 0 127.0.0.1:1 127.0.0.1:2379"} }, errNoSocketName},
		"no API server":      {func(m *master) { m.apiserver = nil }, ErrNoProcess},
		"immortal server":    {func(m *master) { m.immortal = true }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaster(t)
			c.spoil(m)
			err := m.impatient(t, true).Inject(t.Context(), m, &journaltest.Journal{})
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			m.assertSecret(t, err)
		})
	}
}

func TestServedKeepsTheSessionToItself(t *testing.T) {
	m := newMaster(t)
	cert, err := Served(t.Context(), m.node, "127.0.0.1:9")
	if err == nil {
		t.Fatalf("got %v from a server that sends none", cert)
	}
	m.assertSecret(t, err)
}
