package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/pki"
	"github.com/nov30/nov30/harness/pki/pkitest"
)

var (
	expiry = time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC)
	signed = expiry.AddDate(-1, 0, 0)
)

func keyKinds() map[string]func(testing.TB) crypto.Signer {
	return map[string]func(testing.TB) crypto.Signer{"RSA": pkitest.RSA, "ECDSA": pkitest.ECDSA}
}

func TestResignedCertificateDiffersOnlyInLifeAndSerial(t *testing.T) {
	for kind, key := range keyKinds() {
		t.Run(kind, func(t *testing.T) {
			ca := pkitest.CA(t, key(t), signed.AddDate(-1, 0, 0), expiry.AddDate(9, 0, 0))
			old := pkitest.Leaf(t, ca, key(t), "etcd-server", expiry, expiry.AddDate(1, 0, 0))
			got := resign(t, old, ca)

			if !got.NotBefore.Equal(signed) || !got.NotAfter.Equal(expiry) {
				t.Errorf("life %s to %s, want %s to %s", got.NotBefore, got.NotAfter, signed, expiry)
			}
			if got.SerialNumber.Cmp(old.Cert.SerialNumber) == 0 || got.SerialNumber.BitLen() < 64 {
				t.Errorf("serial %x is not new and random", got.SerialNumber)
			}
			if again := resign(t, old, ca); again.SerialNumber.Cmp(got.SerialNumber) == 0 {
				t.Error("two re-signed certificates share a serial")
			}
			if !bytes.Equal(got.RawSubject, old.Cert.RawSubject) || !bytes.Equal(got.RawSubjectPublicKeyInfo, old.Cert.RawSubjectPublicKeyInfo) {
				t.Error("subject or public key changed")
			}
			sameExtensions(t, got, old.Cert)
			if c := old.Cert; len(c.URIs) != 1 || len(c.EmailAddresses) != 1 || len(c.IPAddresses) != 2 || len(c.DNSNames) != 2 {
				t.Error("the test's own leaf lacks a kind of name")
			}
		})
	}
}

func TestAnAuthorityResignedByItselfDiffersOnlyInLifeAndSerial(t *testing.T) {
	ca := pkitest.CA(t, pkitest.RSA(t), signed.AddDate(-1, 0, 0), expiry.AddDate(9, 0, 0))
	got := resign(t, ca, ca)
	if got.SerialNumber.Cmp(ca.Cert.SerialNumber) == 0 || !got.NotAfter.Equal(expiry) || !got.IsCA || got.CheckSignatureFrom(ca.Cert) != nil {
		t.Errorf("serial %x, until %s, CA %v", got.SerialNumber, got.NotAfter, got.IsCA)
	}
	sameExtensions(t, got, ca.Cert)
}

func sameExtensions(t *testing.T, got, want *x509.Certificate) {
	t.Helper()
	values := map[string][]byte{}
	for _, e := range got.Extensions {
		if _, twice := values[e.Id.String()]; twice {
			t.Errorf("extension %s occurs twice", e.Id)
		}
		values[e.Id.String()] = e.Value
	}
	for _, e := range want.Extensions {
		if !bytes.Equal(values[e.Id.String()], e.Value) {
			t.Errorf("extension %s is %x, want %x", e.Id, values[e.Id.String()], e.Value)
		}
	}
	if len(got.Extensions) != len(want.Extensions) {
		t.Errorf("%d extensions, want %d", len(got.Extensions), len(want.Extensions))
	}
}

func TestResignedCertificatePairsWithTheOldKeyAndExpires(t *testing.T) {
	for kind, key := range keyKinds() {
		t.Run(kind, func(t *testing.T) {
			ca := pkitest.CA(t, key(t), signed.AddDate(-1, 0, 0), expiry.AddDate(9, 0, 0))
			old := pkitest.Leaf(t, ca, key(t), "etcd-server", expiry, expiry.AddDate(1, 0, 0))
			got := resign(t, old, ca)
			if _, err := tls.X509KeyPair(pki.EncodePEM(got), old.KeyPEM); err != nil {
				t.Errorf("with the old key: %v", err)
			}
			for at, want := range map[time.Time]error{
				signed.Add(-time.Second): errExpired, signed: nil, expiry: nil, expiry.Add(time.Second): errExpired,
			} {
				if err := verify(got, ca.Cert, at); !sameVerdict(err, want) {
					t.Errorf("at %s: %v, want %v", at, err, want)
				}
			}
		})
	}
}

var errExpired = errors.New("x509.Expired")

func sameVerdict(err, want error) bool {
	if want == nil {
		return err == nil
	}
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

func verify(leaf, ca *x509.Certificate, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, DNSName: "localhost"})
	return err
}

func resign(t *testing.T, old, ca pkitest.Pair) *x509.Certificate {
	t.Helper()
	out, err := pki.Resign(old.CertPEM, ca.CertPEM, ca.KeyPEM, signed, expiry)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParsePEM(out)
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

func TestACertificateOfAnotherCABecomesTheSignersOwn(t *testing.T) {
	first := pkitest.CA(t, pkitest.ECDSA(t), signed, expiry)
	second := pkitest.CA(t, pkitest.ECDSA(t), signed, expiry)
	got := resign(t, pkitest.Leaf(t, first, pkitest.ECDSA(t), "x", signed, expiry), second)
	if !bytes.Equal(got.AuthorityKeyId, second.Cert.SubjectKeyId) || len(got.AuthorityKeyId) == 0 {
		t.Errorf("authority key id %x, want %x", got.AuthorityKeyId, second.Cert.SubjectKeyId)
	}
	if err := verify(got, second.Cert, signed); err != nil {
		t.Error(err)
	}
	if err := verify(got, first.Cert, signed); err == nil {
		t.Error("the first CA still vouches for it")
	}
}

func TestResignTakesEveryFormOfKey(t *testing.T) {
	rsaKey, ecKey := pkitest.RSA(t).(*rsa.PrivateKey), pkitest.ECDSA(t).(*ecdsa.PrivateKey)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	params := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	for name, c := range map[string]struct {
		key  crypto.Signer
		file []byte
	}{
		"PKCS1": {rsaKey, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})},
		"SEC1":  {ecKey, append(params, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...)},
	} {
		t.Run(name, func(t *testing.T) {
			ca := pkitest.CA(t, c.key, signed, expiry)
			ca.KeyPEM = c.file
			old := pkitest.Leaf(t, ca, pkitest.ECDSA(t), "x", signed, expiry)
			if err := verify(resign(t, old, ca), ca.Cert, signed); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestResignNamesWhatIsWrong(t *testing.T) {
	ca := pkitest.CA(t, pkitest.ECDSA(t), signed, expiry)
	other := pkitest.CA(t, pkitest.ECDSA(t), signed, expiry)
	leaf := pkitest.Leaf(t, ca, pkitest.ECDSA(t), "x", signed, expiry)
	badKey := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("canary-secret")})
	for name, c := range map[string]struct {
		leaf, ca, key []byte
		want          error
	}{
		"garbage leaf":         {[]byte("hello"), ca.CertPEM, ca.KeyPEM, pki.ErrNotPEM},
		"a key for a leaf":     {leaf.KeyPEM, ca.CertPEM, ca.KeyPEM, pki.ErrNoCertificate},
		"cut leaf":             {leaf.CertPEM[:100], ca.CertPEM, ca.KeyPEM, pki.ErrDamagedPEM},
		"empty CA":             {leaf.CertPEM, nil, ca.KeyPEM, pki.ErrNotPEM},
		"leaf for a CA":        {leaf.CertPEM, leaf.CertPEM, leaf.KeyPEM, pki.ErrNotCA},
		"another CA's key":     {leaf.CertPEM, ca.CertPEM, other.KeyPEM, pki.ErrKeyMismatch},
		"certificate for key":  {leaf.CertPEM, ca.CertPEM, ca.CertPEM, pki.ErrNoKey},
		"damaged key":          {leaf.CertPEM, ca.CertPEM, badKey, pki.ErrNoKey},
		"unsupported key type": {leaf.CertPEM, ca.CertPEM, bytes.ReplaceAll(ca.KeyPEM, []byte("PRIVATE"), []byte("ENCRYPTED PRIVATE")), pki.ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := pki.Resign(c.leaf, c.ca, c.key, signed, expiry)
			if !errors.Is(err, c.want) || out != nil {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && bytes.Contains([]byte(err.Error()), []byte("canary")) {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
	if _, err := pki.Resign(leaf.CertPEM, ca.CertPEM, ca.KeyPEM, expiry, signed); err == nil {
		t.Error("a life that ends before it begins was signed")
	}
}

func TestInventoryJudgesByItsClock(t *testing.T) {
	ca := pkitest.CA(t, pkitest.ECDSA(t), signed, expiry)
	leaf := pkitest.Leaf(t, ca, pkitest.ECDSA(t), "x", signed, expiry)
	file := append(append([]byte("a comment\n"), leaf.CertPEM...), append(leaf.KeyPEM, ca.CertPEM...)...)
	for at, want := range map[time.Time]pki.Validity{
		signed.Add(-time.Second): pki.NotYetValid, signed: pki.Valid, expiry: pki.Valid, expiry.Add(time.Nanosecond): pki.Expired,
	} {
		got, err := pki.Inventory(clockwork.NewFakeClockAt(at), file)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d entries, %v; want leaf and CA", len(got), err)
		}
		if got[0].Validity != want || got[0].IsCA || !got[1].IsCA || got[0].Serial != "2" {
			t.Errorf("at %s: %+v, want %s", at, got[0], want)
		}
	}
}

func FuzzParsePEM(f *testing.F) {
	ca := pkitest.CA(f, pkitest.ECDSA(f), signed, expiry)
	for _, seed := range [][]byte{nil, []byte("-----BEGIN CERTIFICATE-----"), ca.CertPEM, ca.KeyPEM, ca.CertPEM[:90],
		append(ca.KeyPEM, ca.CertPEM...), bytes.Replace(ca.CertPEM, []byte("CERTIFICATE"), []byte("X"), 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pki.ParsePEM(data)
		if (err == nil) != (len(certs) > 0) {
			t.Fatalf("%d certificates and error %v", len(certs), err)
		}
		_, _ = pki.Resign(ca.CertPEM, ca.CertPEM, data, signed, expiry) // as a key: an error, never a panic
		for _, c := range certs {
			if again, err := pki.ParsePEM(pki.EncodePEM(c)); err != nil || !again[0].Equal(c) {
				t.Fatalf("does not survive a round trip: %v", err)
			}
		}
	})
}
