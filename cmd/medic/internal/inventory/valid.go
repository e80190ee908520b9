package inventory

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
)

// Soon is how long before its end a certificate is reported as expiring.
const Soon = 30 * 24 * time.Hour

// Validity tells what is wrong with a certificate's times at an instant; empty: nothing. The bounds are those of
// crypto/x509, both inclusive.
func Validity(c *x509.Certificate, now time.Time) finding.Kind {
	switch {
	case now.After(c.NotAfter):
		return finding.CertExpired
	case now.Before(c.NotBefore):
		return finding.CertNotYetValid
	case now.Add(Soon).After(c.NotAfter):
		return finding.CertExpiring
	}
	return ""
}

// Usable tells whether the times of a certificate allow its use.
func Usable(c *x509.Certificate, now time.Time) bool { return !Validity(c, now).Invalid() }

// Deciding is the certificate whose times decide about a file: the leaf, or of an authority's bundle the one that lasts
// longest among the usable ones (an old authority may stay in a bundle while certificates move to the new one).
func Deciding(f File, now time.Time) *x509.Certificate {
	if !IsAuthority(f.Culprit) {
		return f.Leaf()
	}
	var best *x509.Certificate
	for _, c := range f.Certs {
		if best == nil || Usable(c, now) && (!Usable(best, now) || c.NotAfter.After(best.NotAfter)) {
			best = c
		}
	}
	return best
}

// Signed tells whether a chain, leaf first, leads to one of the roots, by names and signatures alone: the times are
// Validity's business, so that an expired certificate can be told from one of an unknown authority.
func Signed(chain, roots []*x509.Certificate) bool {
	if len(chain) == 0 {
		return false
	}
	cert, rest := chain[0], chain[1:]
	for range len(chain) {
		for _, root := range roots {
			if issued(cert, root) || bytes.Equal(cert.Raw, root.Raw) {
				return true
			}
		}
		next := cert
		for _, c := range rest {
			if issued(cert, c) {
				next = c
				break
			}
		}
		if next == cert {
			return false
		}
		cert = next
	}
	return false
}

func issued(cert, by *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, by.RawSubject) && cert.CheckSignatureFrom(by) == nil
}

// Serial is a certificate's serial number as openssl prints it.
func Serial(c *x509.Certificate) string { return fmt.Sprintf("%X", c.SerialNumber.Bytes()) }
