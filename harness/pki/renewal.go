package pki

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ErrUnissued is a certificate whose issuer's key is not at hand, so that it cannot be issued anew.
var ErrUnissued = errors.New("is issued by nobody whose key is here")

// Renewal replaces the keys and certificates of a whole cluster by new ones of the same kinds, so that nothing of the old
// ones is left: every key pair by another of its algorithm and size, every certificate by one for the new key.
type Renewal struct {
	blocks []*pem.Block
	keys   map[string]*renewedKey // by the old public key
	made   *errgroup.Group
}

// renewedKey is a key pair that takes an old one's place.
type renewedKey struct {
	old crypto.PublicKey
	new crypto.Signer
}

// NewRenewal finds the PEM blocks in the texts, as they are and in base64 as kubeconfigs have them, and begins to make a key for
// each of their public keys; Issue waits for them. What is no certificate and no key is an error.
func NewRenewal(ctx context.Context, texts ...[]byte) (*Renewal, error) {
	r := &Renewal{keys: map[string]*renewedKey{}}
	seen := map[string]bool{}
	for _, text := range texts {
		for _, found := range findPEM(string(text)) {
			if seen[found] {
				continue
			}
			seen[found] = true
			block, _ := pem.Decode([]byte(found))
			if block == nil {
				return nil, ErrDamagedPEM
			}
			r.blocks = append(r.blocks, block)
			public, err := publicKey(block)
			if err != nil {
				return nil, err
			}
			id, err := keyID(public)
			if err != nil {
				return nil, err
			}
			r.keys[id] = &renewedKey{old: public}
		}
	}
	if len(r.blocks) == 0 {
		return nil, ErrNotPEM
	}
	r.made = new(errgroup.Group)
	r.made.Go(func() error { return makeKeys(ctx, r.keys) })
	return r, nil
}

// makeKeys makes the new keys, as many at a time as there are processors.
func makeKeys(ctx context.Context, keys map[string]*renewedKey) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, k := range keys {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			k.new, err = sameKind(k.old)
			return err
		})
	}
	return group.Wait()
}

// sameKind makes a key of the same algorithm and size.
func sameKind(old crypto.PublicKey) (crypto.Signer, error) {
	switch old := old.(type) {
	case *rsa.PublicKey:
		return rsa.GenerateKey(rand.Reader, old.N.BitLen())
	case *ecdsa.PublicKey:
		return ecdsa.GenerateKey(old.Curve, rand.Reader)
	case ed25519.PublicKey:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("a key of type %T cannot be made anew", old)
}

// publicKey is the public key of a block. Its errors hold nothing of the block.
func publicKey(b *pem.Block) (crypto.PublicKey, error) {
	switch {
	case b.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, &BlockError{Block: 1, Err: err}
		}
		return cert.PublicKey, nil
	case b.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(b.Bytes)
	case strings.HasSuffix(b.Type, "PRIVATE KEY"):
		key, err := parseKeyBlock(b)
		if err != nil {
			return nil, err
		}
		if signer, ok := key.(crypto.Signer); ok {
			return signer.Public(), nil
		}
	}
	return nil, fmt.Errorf("%w: a block %q is not supported", ErrNoKey, b.Type)
}

func keyID(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	return string(der), err
}

// encode writes the new key in the form in which the old one was.
func (k *renewedKey) encode(form string) (*pem.Block, error) {
	var der []byte
	var err error
	switch key := k.new.(type) {
	case *rsa.PrivateKey:
		if form == "RSA PRIVATE KEY" {
			return &pem.Block{Type: form, Bytes: x509.MarshalPKCS1PrivateKey(key)}, nil
		}
	case *ecdsa.PrivateKey:
		if form == "EC PRIVATE KEY" {
			der, err = x509.MarshalECPrivateKey(key)
			return &pem.Block{Type: form, Bytes: der}, err
		}
	}
	switch form {
	case "PUBLIC KEY":
		der, err = x509.MarshalPKIXPublicKey(k.new.Public())
	case "PRIVATE KEY":
		der, err = x509.MarshalPKCS8PrivateKey(k.new)
	default:
		err = fmt.Errorf("%w: a block %q is not supported", ErrNoKey, form)
	}
	return &pem.Block{Type: form, Bytes: der}, err
}
