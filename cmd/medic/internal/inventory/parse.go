package inventory

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrCut is an inventory whose end is missing: the command was cut off, so what came says nothing of the rest.
var ErrCut = errors.New("the inventory was cut off before its end")

// maxCerts bounds how many certificates of one file are taken.
const maxCerts = 32

// Parse reads what the command of Argv printed in a node of that name. Anything but certificates is dropped.
func Parse(node string, out []byte) ([]File, error) {
	p := parser{node: node, refs: map[string]string{}}
	for line := range strings.Lines(string(out)) {
		p.line(strings.TrimRight(line, "\r\n"))
	}
	if !p.ended {
		return nil, ErrCut
	}
	for i, f := range p.files {
		if culprit, ok := p.refs[f.Path]; ok && !f.Known {
			p.files[i].Culprit, p.files[i].Known = culprit, true
		}
	}
	return p.files, nil
}

type parser struct {
	node  string
	files []File
	pem   strings.Builder   // of the file being read
	data  []byte            // certificates embedded in the kubeconfig being read
	refs  map[string]string // path of a certificate -> culprit of the kubeconfig that names it
	open  bool
	bad   string
	ended bool
}

func (p *parser) line(s string) {
	word, rest, _ := strings.Cut(s, " ")
	switch {
	case p.ended: // nothing follows the end
	case word == "@file":
		p.close()
		culprit, known := owner(p.node, rest)
		p.files = append(p.files, File{Path: rest, Culprit: culprit, Known: known})
		p.open = true
	case word == "@end":
		p.close()
		p.ended = true
	case !p.open:
	case word == "@data":
		data, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			p.bad = "client-certificate-data is not base64"
		}
		p.data = append(append(p.data, data...), '\n')
	case word == "@ref":
		if last := p.files[len(p.files)-1]; last.Known {
			p.refs[rest] = last.Culprit
		}
	default:
		p.pem.WriteString(s + "\n")
	}
}

// close takes the certificates of the file that was being read.
func (p *parser) close() {
	if !p.open {
		return
	}
	f := &p.files[len(p.files)-1]
	optional := strings.HasSuffix(f.Path, ".conf") || strings.HasPrefix(f.Path, manifestDir)
	text := append([]byte(p.pem.String()), p.data...)
	certs, err := Certificates(text)
	f.Certs = certs
	switch {
	case p.bad != "":
		f.Problem = p.bad
	case err != nil:
		f.Problem = err.Error()
	case len(certs) == 0 && (!optional || len(p.data) > 0):
		f.Problem = "it holds no certificate"
	}
	p.pem.Reset()
	p.data, p.bad, p.open = nil, "", false
}

// Certificates reads the CERTIFICATE blocks of a PEM text and drops every other block.
func Certificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for len(certs) < maxCerts {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return certs, fmt.Errorf("certificate %d cannot be read: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}
