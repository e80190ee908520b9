package snapshot

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// certificate keeps what a certificate is good for as content; its serial, its life and its key are what renewing it
// changes. A CA's key is content: whoever trusts the CA trusts that key.
func (d document) certificate(path string, c *x509.Certificate) {
	d.set(join(path, "subject"), undated(c.Subject.String()))
	d.set(join(path, "issuer"), undated(c.Issuer.String()))
	d.set(join(path, "names")+"[]", strings.Join(namesIn(c), "\n"))
	d.set(join(path, "usages")+"[]", strings.Join(usages(c), "\n"))
	d.set(join(path, "ca"), authority(c))
	d.set(join(path, "signature"), c.SignatureAlgorithm.String())
	kind, bits := strength(c.PublicKey)
	d[join(path, "publicKey")] = leaf{text: kind, bits: bits, life: sum(c.RawSubjectPublicKeyInfo)}
	if !ownAuthority(c) {
		d.set(join(path, "issuerKeyID"), hex.EncodeToString(c.AuthorityKeyId))
		if c.IsCA {
			d.set(join(path, "publicKeySHA256"), sum(c.RawSubjectPublicKeyInfo))
		}
	}
	for _, e := range c.Extensions {
		if !slices.Contains(readExtensions, e.Id.String()) {
			d.set(join(path, "extensions")+"["+e.Id.String()+"]", fmt.Sprintf("critical %t, SHA-256 %s", e.Critical, sum(e.Value)))
		}
	}
	d[join(path, "life")] = leaf{ends: c.NotAfter, life: fmt.Sprintf("serial %x, %s to %s", c.SerialNumber,
		c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))}
}

// readExtensions are the extensions (RFC 5280, 4.2.1) that are compared by what they say: subject key id (which follows
// the key), key usage, subject alternative name, basic constraints, authority key id and extended key usage.
var readExtensions = []string{"2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37"}

func namesIn(c *x509.Certificate) []string {
	var names []string
	for _, n := range c.DNSNames {
		names = append(names, "DNS:"+n)
	}
	for _, a := range c.IPAddresses {
		names = append(names, "IP:"+a.String())
	}
	for _, u := range c.URIs {
		names = append(names, "URI:"+u.String())
	}
	for _, e := range c.EmailAddresses {
		names = append(names, "email:"+e)
	}
	slices.Sort(names)
	return names
}

// keyUsages are the bits of a key usage (RFC 5280, 4.2.1.3) without keyEncipherment: it comes with the kind of the key,
// RSA or not, and kubelet's own rotation changes that kind.
var keyUsages = [...]struct {
	bit  x509.KeyUsage
	name string
}{
	{x509.KeyUsageDigitalSignature, "digital signature"}, {x509.KeyUsageContentCommitment, "content commitment"},
	{x509.KeyUsageDataEncipherment, "data encipherment"}, {x509.KeyUsageKeyAgreement, "key agreement"},
	{x509.KeyUsageCertSign, "certificate signing"}, {x509.KeyUsageCRLSign, "CRL signing"},
	{x509.KeyUsageEncipherOnly, "encipher only"}, {x509.KeyUsageDecipherOnly, "decipher only"},
}

func usages(c *x509.Certificate) []string {
	var all []string
	for _, u := range keyUsages {
		if c.KeyUsage&u.bit != 0 {
			all = append(all, u.name)
		}
	}
	for _, u := range c.ExtKeyUsage {
		all = append(all, "extended "+u.String())
	}
	for _, u := range c.UnknownExtKeyUsage {
		all = append(all, "extended "+u.String())
	}
	slices.Sort(all)
	return all
}

func authority(c *x509.Certificate) string {
	switch {
	case !c.IsCA:
		return "no"
	case c.MaxPathLen > 0 || c.MaxPathLenZero:
		return fmt.Sprintf("yes, %d below it", c.MaxPathLen)
	}
	return "yes"
}

// strength is a public key's kind and its bits of security (NIST SP 800-57 part 1, table 2), 0 for an unknown kind.
func strength(public crypto.PublicKey) (kind string, bits int) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		n := k.N.BitLen()
		bits = max(1, n/16)
		for _, row := range [...]struct{ size, bits int }{{1024, 80}, {2048, 112}, {3072, 128}, {7680, 192}, {15360, 256}} {
			if n >= row.size {
				bits = row.bits
			}
		}
		return fmt.Sprintf("RSA %d", n), bits
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name, k.Curve.Params().BitSize / 2
	case ed25519.PublicKey:
		return "Ed25519", 128
	}
	return fmt.Sprintf("%T", public), 0
}

// ownIssuer is the issuer of the serving certificate that kubelet makes for itself, with a CA that it throws away and that
// nobody trusts (client-go, util/cert, GenerateSelfSignedCertKey): NODE-ca@SECONDS.
var ownIssuer = regexp.MustCompile(`-ca@\d{9,}$`)

func ownAuthority(c *x509.Certificate) bool { return ownIssuer.MatchString(c.Issuer.CommonName) }

// dated is the time in the names of such a certificate.
var dated = regexp.MustCompile(`@\d{9,}\b`)

func undated(name string) string { return dated.ReplaceAllString(name, "@…") }
