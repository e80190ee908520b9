package snapshot

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pemIn is the PEM text that a value holds: as it is, or in base64 as kubeconfigs and Secrets have it.
func pemIn(value string) ([]byte, bool) {
	if strings.HasPrefix(strings.TrimSpace(value), "-----BEGIN ") {
		return []byte(value), true
	}
	if !strings.HasPrefix(value, "LS0tLS1CRUdJTi") { // "-----BEGIN"
		return nil, false
	}
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	return text, err == nil
}

// pem keeps a PEM text of that name under a path: its certificates by what they are good for, its keys by kind and by the certificate
// they belong to, which is in the same text or the sibling that goes with the name. What cannot be read is hidden whole.
func (d document) pem(at, name string, text []byte, sibling func(name string) []byte) {
	blocks, whole := blocksOf(text)
	certs, readable := certificatesIn(blocks)
	if !whole || !readable {
		d.hide(join(at, "unreadable"), text)
		return
	}
	owner := certs
	for _, other := range siblings(name) {
		if len(owner) == 0 {
			blocks, _ := blocksOf(sibling(other))
			owner, _ = certificatesIn(blocks)
		}
	}
	if outside := around.ReplaceAll(text, nil); !slices.Contains(pemFiles, ext(name)) && len(bytes.TrimSpace(outside)) > 0 {
		d.hide(join(at, "around"), outside)
	}
	for i, c := range certs {
		d.certificate(numbered(at, "certificate", i, len(certs)), c)
	}
	rest := 0
	for _, b := range blocks {
		switch {
		case b.Type == "CERTIFICATE":
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			d.privateKey(numbered(at, "key", rest, 1), b, owner)
			rest++
		case b.Type == "PUBLIC KEY":
			d.set(numbered(at, "publicKey", rest, 1), "SHA-256 "+sum(b.Bytes))
			rest++
		default:
			d.hide(numbered(at, strings.ToLower(b.Type), rest, 1), b.Bytes)
			rest++
		}
	}
}

// around matches the blocks of a PEM text. What stands outside of them is read by nobody in a file of a certificate or a
// key (openssl describes the certificate there), but it may be the point of any other text.
var around = regexp.MustCompile(`(?s)-----BEGIN [^\n]*?-----.*?-----END [^\n]*?-----`)

// pemFiles are the extensions of files that hold PEM and nothing else.
var pemFiles = []string{".crt", ".pem", ".key", ".pub", ".cer"}

func ext(name string) string { return strings.ToLower(path.Ext(name)) }

// siblings are the names of the certificates that may go with a key of that name.
func siblings(key string) []string {
	var names []string
	for _, p := range [...]struct{ key, cert string }{
		{".key", ".crt"}, {".key", ".pem"}, {"-key.pem", "-cert.pem"}, {"-key.pem", ".pem"}, {"key.pem", "cert.pem"},
		{"-key-data", "-certificate-data"}, // a kubeconfig's user
	} {
		if stem, ok := strings.CutSuffix(key, p.key); ok {
			names = append(names, stem+p.cert)
		}
	}
	return names
}

// numbered is the path of the i-th thing of its kind; the only one has no number.
func numbered(at, kind string, i, of int) string {
	if i > 0 || of > 1 {
		return join(at, kind) + "[" + strconv.Itoa(i) + "]"
	}
	return join(at, kind)
}

// blocksOf reads the blocks of a PEM text and says whether that was all of them.
func blocksOf(text []byte) ([]*pem.Block, bool) {
	begun := bytes.Count(text, []byte("-----BEGIN "))
	var blocks []*pem.Block
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		blocks = append(blocks, b)
	}
	return blocks, begun > 0 && len(blocks) == begun
}

// certificatesIn reads the certificates among blocks and says whether all could be read.
func certificatesIn(blocks []*pem.Block) ([]*x509.Certificate, bool) {
	var certs []*x509.Certificate
	for _, b := range blocks {
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, false
		}
		certs = append(certs, c)
	}
	return certs, true
}
