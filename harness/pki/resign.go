package pki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"
)

// What makes a CA unfit to re-sign. Wrapped by the errors of Resign.
var (
	ErrNotCA       = errors.New("is not a certificate authority that may sign certificates")
	ErrKeyMismatch = errors.New("private key does not belong to the certificate")
)

// oidAuthorityKeyID is the one extension that is the issuer's and not the leaf's (RFC 5280, 4.2.1.1).
var oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}

// Resign signs a certificate again by the given CA with another life: same subject, public key, names, usages and every
// other extension to the byte, and a new random serial. The certificate goes on pairing with its old private key.
// Of leafPEM and caCertPEM the first certificate counts. Times are cut to whole seconds, as X.509 has them.
func Resign(leafPEM, caCertPEM, caKeyPEM []byte, notBefore, notAfter time.Time) ([]byte, error) {
	if !notAfter.After(notBefore) {
		return nil, fmt.Errorf("re-sign: the life would end (%s) before it begins (%s)", notAfter, notBefore)
	}
	leaf, err := ParsePEM(leafPEM)
	if err != nil {
		return nil, fmt.Errorf("re-sign: the leaf certificate: %w", err)
	}
	ca, key, err := parseCA(caCertPEM, caKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("re-sign: %w", err)
	}
	template := &x509.Certificate{ // no serial: CreateCertificate makes a random one of RFC 5280's length
		RawSubject:      leaf[0].RawSubject,
		NotBefore:       notBefore,
		NotAfter:        notAfter,
		ExtraExtensions: ownExtensions(leaf[0]),
		AuthorityKeyId:  issuerKeyID(leaf[0], ca),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, leaf[0].PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("re-sign %s: %w", leaf[0].Subject, err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("re-sign %s: the result cannot be read back: %w", leaf[0].Subject, err)
	}
	return EncodePEM(signed), nil
}

// ownExtensions copies the extensions raw, so that none is lost or encoded differently; CreateCertificate makes none
// that it finds here.
func ownExtensions(leaf *x509.Certificate) []pkix.Extension {
	var own []pkix.Extension
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(oidAuthorityKeyID) {
			own = append(own, e)
		}
	}
	return own
}

// issuerKeyID names the key of the issuer. A certificate that is its own issuer keeps what it had, which mostly is nothing.
func issuerKeyID(leaf, ca *x509.Certificate) []byte {
	if bytes.Equal(leaf.RawSubject, ca.RawSubject) {
		return leaf.AuthorityKeyId
	}
	return ca.SubjectKeyId
}

func parseCA(certPEM, keyPEM []byte) (*x509.Certificate, crypto.Signer, error) {
	certs, err := ParsePEM(certPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("the CA certificate: %w", err)
	}
	ca := certs[0]
	if !ca.BasicConstraintsValid || !ca.IsCA || (ca.KeyUsage != 0 && ca.KeyUsage&x509.KeyUsageCertSign == 0) {
		return nil, nil, fmt.Errorf("the CA certificate: %s %w", ca.Subject, ErrNotCA)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, nil, fmt.Errorf("the CA key: %w", err)
	}
	if !pairs(ca, key) {
		return nil, nil, fmt.Errorf("the CA key: %w %s", ErrKeyMismatch, ca.Subject)
	}
	return ca, key, nil
}

// pairs says whether the private key belongs to the certificate.
func pairs(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}
