// Package testpki makes authorities and certificates for tests.
package testpki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"
)

// Pair is a certificate with its key.
type Pair struct {
	Cert    *x509.Certificate
	Key     *ecdsa.PrivateKey
	CertPEM []byte
	KeyPEM  []byte
}

// Life is when a certificate is valid.
type Life struct{ From, To time.Time }

// NewAuthority makes a self-signed authority.
func NewAuthority(t testing.TB, cn string, life Life) *Pair {
	t.Helper()
	tmpl := template(t, cn, life)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	return sign(t, tmpl, nil, newKey(t))
}

// Issue signs a leaf that serves and is a client.
func (ca *Pair) Issue(t testing.TB, cn string, life Life, ips ...string) *Pair {
	t.Helper()
	tmpl := template(t, cn, life)
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, ip := range ips {
		tmpl.IPAddresses = append(tmpl.IPAddresses, net.ParseIP(ip))
	}
	return sign(t, tmpl, ca, newKey(t))
}

func template(t testing.TB, cn string, life Life) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: cn}, NotBefore: life.From, NotAfter: life.To}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign signs with by, or with the certificate's own key when by is nil.
func sign(t testing.TB, tmpl *x509.Certificate, by *Pair, key *ecdsa.PrivateKey) *Pair {
	parent, signer := tmpl, key
	if by != nil {
		parent, signer = by.Cert, by.Key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &Pair{
		Cert: cert, Key: key,
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// Again makes an authority with the same key and subject as ca, as a re-signing does.
func (ca *Pair) Again(t testing.TB, life Life) *Pair {
	t.Helper()
	tmpl := template(t, ca.Cert.Subject.CommonName, life)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	return sign(t, tmpl, nil, ca.Key)
}
