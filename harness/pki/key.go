package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrNoKey is a PEM file without a private key that can be used.
var ErrNoKey = errors.New("holds no usable private key")

// parseKey reads the first private key of a PEM file: PKCS#1, PKCS#8 or SEC 1 (EC). Its errors say which form was met,
// never a byte of the key.
func parseKey(data []byte) (crypto.Signer, error) {
	blocks, err := decode(data)
	if err != nil {
		return nil, err
	}
	for _, b := range blocks {
		if !strings.HasSuffix(b.Type, "PRIVATE KEY") {
			continue // EC PARAMETERS, certificates
		}
		key, err := parseKeyBlock(b)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("%w: a %T cannot sign", ErrNoKey, key)
		}
		return signer, nil
	}
	return nil, ErrNoKey
}

func parseKeyBlock(b *pem.Block) (any, error) {
	var key any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(b.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	default:
		return nil, fmt.Errorf("%w: a block %q is not supported (encrypted?)", ErrNoKey, b.Type)
	}
	if err != nil || b.Headers["DEK-Info"] != "" {
		// The parser's own error is left out: this text may reach a log.
		return nil, fmt.Errorf("%w: the content of block %q is damaged or encrypted", ErrNoKey, b.Type)
	}
	return key, nil
}
