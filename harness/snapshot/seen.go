package snapshot

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/pki"
	"github.com/nov30/nov30/harness/slo"
)

// Seen is a certificate that was looked for on a node. Its validity is for the caller to judge, who has the clock.
type Seen struct {
	Name        string
	Certificate slo.Certificate
	Err         error // why there is none; Certificate is empty then
}

// Certificates reads certificates of a node, in the order of their names, all in one go. A name is the path of a PEM
// file, whose first certificate counts, or of a kubeconfig, of which the current user's does; or "served PORT" or "served
// ADDRESS:PORT": what a new TLS connection made from within the node gets. Without an address it is connected to where
// something listens on the port, 127.0.0.1 first. A server has five seconds to answer.
func Certificates(ctx context.Context, n node.Node, names []string) []Seen {
	out, err := nodeop.Script(ctx, n, nil, "read certificates", seenScript, names...)
	if err != nil {
		err = nodeop.WithoutOutput(err) // which may hold private keys
	}
	var answers []answer
	if err == nil {
		answers, err = parseSeen(string(out), len(names))
	}
	seen := make([]Seen, len(names))
	for i, name := range names {
		seen[i] = Seen{Name: name, Err: err}
		if err == nil {
			seen[i].Certificate, seen[i].Err = answers[i].certificate()
		}
		if seen[i].Err != nil {
			seen[i].Err = fmt.Errorf("%s: the certificate %s: %w", n.Name(), name, seen[i].Err)
		}
	}
	return seen
}

func (a answer) certificate() (slo.Certificate, error) {
	var found *x509.Certificate
	var err error
	switch {
	case a.file != nil:
		found, err = firstIn(a.file)
	case a.pem != "":
		found, err = firstIn([]byte(a.pem))
	default:
		err = fmt.Errorf("%w: %s", ErrNoData, a.why)
	}
	if err != nil {
		return slo.Certificate{}, err
	}
	return slo.Certificate{Subject: found.Subject.String(), Serial: found.SerialNumber.Text(16),
		NotBefore: found.NotBefore, NotAfter: found.NotAfter}, nil
}

// firstIn is the first certificate of a PEM file, or the one that a kubeconfig's current user shows.
func firstIn(text []byte) (*x509.Certificate, error) {
	if ofKubernetes(text) {
		var err error
		if text, err = currentCertificate(text); err != nil {
			return nil, err
		}
	}
	certs, err := pki.ParsePEM(text)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}
