// Package pki reads and re-signs X.509 certificates in PEM. It is pure: no file, no node, no wall clock of its own.
package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// What can be wrong with a PEM file. Wrapped by the errors of this package.
var (
	ErrNotPEM        = errors.New("holds no PEM block")
	ErrDamagedPEM    = errors.New("holds a PEM block that is cut or damaged")
	ErrNoCertificate = errors.New("holds no certificate")
)

// BlockError is a PEM block that says CERTIFICATE and is none.
type BlockError struct {
	Block int // number of the block in its file, from 1, blocks of all types counted
	Err   error
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("PEM block %d is no X.509 certificate: %v", e.Block, e.Err)
}

func (e *BlockError) Unwrap() error { return e.Err }

// ParsePEM returns every certificate of a PEM file in the file's order; blocks of other types, such as the key in a
// kubelet's PEM, are passed over. Anything damaged is an error: a certificate left out in silence could be the one that
// expired. Errors are ErrNotPEM, ErrDamagedPEM, ErrNoCertificate and *BlockError.
func ParsePEM(data []byte) ([]*x509.Certificate, error) {
	blocks, err := decode(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for i, b := range blocks {
		if b.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, &BlockError{Block: i + 1, Err: err}
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, ErrNoCertificate
	}
	return certs, nil
}

// decode returns the PEM blocks. pem.Decode passes over a damaged block in silence, so the beginnings are counted.
func decode(data []byte) ([]*pem.Block, error) {
	begun := bytes.Count(data, []byte("-----BEGIN "))
	if begun == 0 {
		return nil, ErrNotPEM
	}
	var blocks []*pem.Block
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			break
		}
		blocks = append(blocks, b)
	}
	if len(blocks) != begun {
		return nil, fmt.Errorf("%w: %d of %d can be read", ErrDamagedPEM, len(blocks), begun)
	}
	return blocks, nil
}

// EncodePEM is one certificate as a PEM file.
func EncodePEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
