package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// oldTown is a CA with a server's and a kubelet's certificate, as kubeadm has them.
type oldTown struct{ ca, caKey, server, serverKey, kubelet, public string }

func pemOf(form string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: form, Bytes: der}))
}

func newOldTown(t *testing.T) oldTown {
	t.Helper()
	must := func(der []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	born := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	caKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: born, NotAfter: born.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, DNSNames: []string{"kubernetes"}}
	caDER := must(x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey))
	ca, _ = x509.ParseCertificate(caDER)
	leaf := func(cn, org string, public any, usage x509.ExtKeyUsage) []byte {
		c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: cn, Organization: []string{org}}, NotBefore: born,
			NotAfter: born.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
			BasicConstraintsValid: true, DNSNames: []string{"old-control-plane"}, IPAddresses: []net.IP{net.ParseIP("10.0.0.2")}}
		return must(x509.CreateCertificate(rand.Reader, c, ca, public, caKey))
	}
	serverKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	kubeletKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return oldTown{
		ca: pemOf("CERTIFICATE", caDER), caKey: pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(caKey)),
		server:    pemOf("CERTIFICATE", leaf("kube-apiserver", "", serverKey.Public(), x509.ExtKeyUsageServerAuth)),
		serverKey: pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(serverKey))),
		kubelet: pemOf("CERTIFICATE", leaf("system:node:old-worker", "system:nodes", kubeletKey.Public(), x509.ExtKeyUsageClientAuth)) +
			pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(kubeletKey))),
		public: pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(caKey.Public()))),
	}
}

func (o oldTown) kubeconfig() string {
	return "certificate-authority-data: " + base64.StdEncoding.EncodeToString([]byte(o.ca)) + "\nuser: x\n"
}

func renew(t *testing.T, texts ...string) (*Replacement, error) {
	t.Helper()
	var all [][]byte
	for _, s := range texts {
		all = append(all, []byte(s))
	}
	r, err := NewRenewal(t.Context(), all...)
	if err != nil {
		return nil, err
	}
	return r.Issue(Change{Text: strings.NewReplacer("old-", "new-", "10.0.0.2", "10.9.9.9").Replace, Shift: 48 * time.Hour})
}

func TestARenewalKeepsEverythingButKeysNamesAndTimes(t *testing.T) {
	old := newOldTown(t)
	r, err := renew(t, old.ca+old.caKey, old.server, old.serverKey, old.kubelet, old.public, old.kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) *x509.Certificate {
		certs, err := ParsePEM([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return certs[0]
	}
	ca := parse(r.In(old.ca))
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, c := range []struct {
		old, cn string
		usage   x509.ExtKeyUsage
	}{{old.server, "kube-apiserver", x509.ExtKeyUsageServerAuth}, {old.kubelet, "system:node:new-worker", x509.ExtKeyUsageClientAuth}} {
		was, is := parse(c.old), parse(r.In(c.old))
		if is.Subject.CommonName != c.cn || is.DNSNames[0] != "new-control-plane" || is.IPAddresses[0].String() != "10.9.9.9" || len(is.IPAddresses) != 1 {
			t.Errorf("%s %v %v", is.Subject, is.DNSNames, is.IPAddresses)
		}
		if len(was.Subject.Organization) != len(is.Subject.Organization) || is.KeyUsage != was.KeyUsage || is.IsCA {
			t.Errorf("%s: usage %v, CA %v", is.Subject, is.KeyUsage, is.IsCA)
		}
		if is.NotBefore != was.NotBefore.Add(48*time.Hour) || is.NotAfter.Sub(is.NotBefore) != was.NotAfter.Sub(was.NotBefore) {
			t.Errorf("%s: %s to %s", is.Subject, is.NotBefore, is.NotAfter)
		}
		if _, err := is.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: is.NotBefore, KeyUsages: []x509.ExtKeyUsage{c.usage}}); err != nil {
			t.Error(err)
		}
		if is.PublicKeyAlgorithm != was.PublicKeyAlgorithm || is.SerialNumber.Cmp(was.SerialNumber) == 0 {
			t.Errorf("%s: %v, serial %v", is.Subject, is.PublicKeyAlgorithm, is.SerialNumber)
		}
	}
	if !ca.IsCA || ca.DNSNames[0] != "kubernetes" || ca.KeyUsage != parse(old.ca).KeyUsage {
		t.Errorf("the CA: %v %v", ca.DNSNames, ca.KeyUsage)
	}
	for certificate, key := range map[string]string{old.ca: old.caKey, old.server: old.serverKey, old.kubelet: old.kubelet} {
		signer, err := parseKey([]byte(r.In(key)))
		if err != nil || !pairs(parse(r.In(certificate)), signer) {
			t.Errorf("key and certificate do not belong together (%v)", err)
		}
	}
	block, _ := pem.Decode([]byte(r.In(old.public)))
	if public, err := x509.ParsePKIXPublicKey(block.Bytes); err != nil || !public.(*rsa.PublicKey).Equal(ca.PublicKey) {
		t.Errorf("the public key by itself is another one (%v)", err)
	}
	if got := r.In(old.kubeconfig()); got != (oldTown{ca: r.In(old.ca)}).kubeconfig() {
		t.Errorf("a kubeconfig: %s", got)
	}
}

func TestNothingOldIsLeftAndWhatIsWouldBeSeen(t *testing.T) {
	old, other := newOldTown(t), newOldTown(t)
	texts := []string{old.ca + old.caKey, old.server + old.serverKey, old.kubelet, old.kubeconfig()}
	r, err := renew(t, texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range texts {
		if !r.HasOld(s) || r.HasOld(r.In(s)) {
			t.Errorf("text %d: seen before %v, after %v", i, r.HasOld(s), r.HasOld(r.In(s)))
		}
		if strings.Count(r.In(s), "-----BEGIN") != strings.Count(s, "-----BEGIN") {
			t.Errorf("text %d lost something", i)
		}
	}
	if r.HasOld(other.ca) || r.In(other.kubeconfig()) != other.kubeconfig() {
		t.Error("what is not the cluster's was touched")
	}
	again, err := renew(t, texts...)
	if err != nil || again.In(old.caKey) == r.In(old.caKey) || again.In(old.kubelet) == r.In(old.kubelet) {
		t.Errorf("two renewals share a key (%v)", err)
	}
}

func TestWhatCannotBeRenewedIsAnErrorThatHoldsNoKey(t *testing.T) {
	old := newOldTown(t)
	body := strings.Split(old.caKey, "\n")[3]
	for name, c := range map[string]struct {
		texts []string
		want  error
	}{
		"nothing":           {[]string{"no key here"}, ErrNotPEM},
		"no issuer":         {[]string{old.server, old.serverKey}, ErrUnissued},
		"a damaged key":     {[]string{strings.Replace(old.caKey, body, strings.Repeat("A", len(body)), 1) + old.ca}, ErrNoKey},
		"an encrypted kind": {[]string{strings.ReplaceAll(old.caKey, "RSA PRIVATE", "ENCRYPTED PRIVATE")}, ErrNoKey},
	} {
		_, err := renew(t, c.texts...)
		if !errors.Is(err, c.want) || strings.Contains(err.Error(), body) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzRenewal(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==")
	f.Fuzz(func(t *testing.T, a, b string) {
		if r, err := NewRenewal(t.Context(), []byte(a), []byte(b)); err == nil {
			_, _ = r.Issue(Change{Text: strings.ToLower})
		}
	})
}
