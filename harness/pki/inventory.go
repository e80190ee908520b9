package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/jonboulle/clockwork"
)

// Validity is where a moment lies in a certificate's life.
type Validity string

// The validities.
const (
	Valid       Validity = "valid"
	Expired     Validity = "expired"
	NotYetValid Validity = "not-yet-valid"
)

// Entry is one certificate of an inventory, in the words in which two inventories are compared.
type Entry struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"` // hex
	SHA256    string    `json:"sha256"` // of the DER, hex
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	IsCA      bool      `json:"is_ca"`
	Validity  Validity  `json:"validity"` // at the clock's now
}

// Inventory lists the certificates of a PEM file with their validity now. Errors are those of ParsePEM.
func Inventory(clock clockwork.Clock, data []byte) ([]Entry, error) {
	certs, err := ParsePEM(data)
	if err != nil {
		return nil, err
	}
	now := clock.Now()
	entries := make([]Entry, 0, len(certs))
	for _, c := range certs {
		entries = append(entries, Entry{
			Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16), SHA256: Fingerprint(c),
			NotBefore: c.NotBefore, NotAfter: c.NotAfter, IsCA: c.IsCA, Validity: ValidityAt(c, now),
		})
	}
	return entries, nil
}

// ValidityAt judges a certificate's life at a moment as a TLS handshake does: both ends belong to it.
func ValidityAt(c *x509.Certificate, at time.Time) Validity {
	switch {
	case at.Before(c.NotBefore):
		return NotYetValid
	case at.After(c.NotAfter):
		return Expired
	}
	return Valid
}

// Fingerprint is the SHA-256 of the certificate's DER in hex.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}
