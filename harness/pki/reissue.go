package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"slices"
	"time"
)

// Change is what is different in the new certificates beside their keys.
type Change struct {
	Text  func(string) string // names and addresses, in subjects and alternative names
	Shift time.Duration       // how much later they begin and end; whole seconds
}

// Issue waits for the new keys, issues every certificate anew and returns what takes the old ones' place in a text. Subject,
// names, usages, constraints and length of life are those of the old certificate. Errors: ErrUnissued, and what x509 says.
func (r *Renewal) Issue(c Change) (*Replacement, error) {
	if err := r.made.Wait(); err != nil {
		return nil, err
	}
	i := issuer{Renewal: r, change: c, issued: map[string]*x509.Certificate{}}
	for _, b := range r.blocks {
		if b.Type == "CERTIFICATE" {
			cert, err := x509.ParseCertificate(b.Bytes)
			if err != nil {
				return nil, err
			}
			i.old = append(i.old, cert)
		}
	}
	var pairs []pair
	for _, b := range r.blocks {
		now, err := i.block(b)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{old: b, new: now})
	}
	return newReplacement(pairs), nil
}

type issuer struct {
	*Renewal
	change Change
	old    []*x509.Certificate
	issued map[string]*x509.Certificate // by the old one's DER
}

func (i *issuer) block(b *pem.Block) (*pem.Block, error) {
	if b.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(b.Bytes)
		if err == nil {
			cert, err = i.certificate(cert)
		}
		if err != nil {
			return nil, err
		}
		return &pem.Block{Type: b.Type, Bytes: cert.Raw}, nil
	}
	public, err := publicKey(b)
	if err != nil {
		return nil, err
	}
	key, err := i.key(public)
	if err != nil {
		return nil, err
	}
	return key.encode(b.Type)
}

func (i *issuer) key(public any) (*renewedKey, error) {
	id, err := keyID(public)
	if err != nil {
		return nil, err
	}
	key := i.keys[id]
	if key == nil || key.new == nil {
		return nil, ErrNoKey
	}
	return key, nil
}

// certificate is the certificate that takes an old one's place; its issuer's comes first.
func (i *issuer) certificate(old *x509.Certificate) (*x509.Certificate, error) {
	if done := i.issued[string(old.Raw)]; done != nil {
		return done, nil
	}
	at := slices.IndexFunc(i.old, func(ca *x509.Certificate) bool {
		return bytes.Equal(ca.RawSubject, old.RawIssuer) && old.CheckSignatureFrom(ca) == nil
	})
	if at < 0 {
		return nil, fmt.Errorf("%s %w", old.Subject, ErrUnissued)
	}
	subject, err := i.key(old.PublicKey)
	if err != nil {
		return nil, err
	}
	signer, err := i.key(i.old[at].PublicKey)
	if err != nil {
		return nil, err
	}
	template := i.template(old)
	if len(old.SubjectKeyId) > 0 && !old.IsCA { // a CA's is made by CreateCertificate
		sum := sha256.Sum256([]byte(fmt.Sprint(subject.new.Public())))
		template.SubjectKeyId = sum[:20]
	}
	parent := template
	if !i.old[at].Equal(old) {
		if parent, err = i.certificate(i.old[at]); err != nil {
			return nil, err
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, subject.new.Public(), signer.new)
	if err != nil {
		return nil, fmt.Errorf("issue %s anew: %w", old.Subject, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue %s anew: the result cannot be read back: %w", old.Subject, err)
	}
	if was, is := extensionsOf(old), extensionsOf(cert); !slices.Equal(was, is) {
		return nil, fmt.Errorf("issue %s anew: its extensions would be %v instead of %v", old.Subject, is, was)
	}
	i.issued[string(old.Raw)] = cert
	return cert, nil
}

// template holds what a new certificate has of the old one. It has no serial: CreateCertificate makes a random one.
func (i *issuer) template(old *x509.Certificate) *x509.Certificate {
	text := i.change.Text
	all := func(list []string) []string {
		var changed []string
		for _, s := range list {
			changed = append(changed, text(s))
		}
		return changed
	}
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: text(old.Subject.CommonName), Organization: all(old.Subject.Organization),
			OrganizationalUnit: all(old.Subject.OrganizationalUnit)},
		NotBefore: old.NotBefore.Add(i.change.Shift), NotAfter: old.NotAfter.Add(i.change.Shift),
		KeyUsage: old.KeyUsage, ExtKeyUsage: old.ExtKeyUsage, UnknownExtKeyUsage: old.UnknownExtKeyUsage,
		BasicConstraintsValid: old.BasicConstraintsValid, IsCA: old.IsCA, MaxPathLen: old.MaxPathLen, MaxPathLenZero: old.MaxPathLenZero,
		DNSNames: all(old.DNSNames), EmailAddresses: old.EmailAddresses, URIs: old.URIs,
	}
	for _, ip := range old.IPAddresses {
		t.IPAddresses = append(t.IPAddresses, net.ParseIP(text(ip.String())))
	}
	return t
}

// extensionsOf names the extensions, sorted, with whether each is critical.
func extensionsOf(c *x509.Certificate) []string {
	var ids []string
	for _, e := range c.Extensions {
		ids = append(ids, fmt.Sprintf("%v critical=%v", e.Id, e.Critical))
	}
	slices.Sort(ids)
	return ids
}
