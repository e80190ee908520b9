package snapshot

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
)

// privateKey keeps a key by kind, size and the certificate it belongs to, so that a new key for a renewed certificate is a
// renewal. A key that belongs to no certificate at hand, such as the one that signs service accounts' tokens, or that
// cannot be read, is content itself.
func (d document) privateKey(path string, b *pem.Block, owner []*x509.Certificate) {
	signer := signerIn(b)
	if signer == nil || len(owner) == 0 {
		d.hide(path, b.Bytes)
		return
	}
	public, comparable := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !comparable || !public.Equal(owner[0].PublicKey) {
		d.set(join(path, "pairs"), "it does not belong to its certificate")
		d.hide(path, b.Bytes)
		return
	}
	kind, bits := strength(signer.Public())
	d.set(join(path, "pairs"), "it belongs to its certificate")
	d[path] = leaf{text: kind, bits: bits, life: sum(b.Bytes)}
}

// signerIn is the key in a block: PKCS#1, SEC 1 or PKCS#8; nil when it cannot be read.
func signerIn(b *pem.Block) crypto.Signer {
	if k, err := x509.ParsePKCS1PrivateKey(b.Bytes); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(b.Bytes); err == nil {
		return k
	}
	if k, err := x509.ParsePKCS8PrivateKey(b.Bytes); err == nil {
		signer, _ := k.(crypto.Signer)
		return signer
	}
	return nil
}
