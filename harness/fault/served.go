package fault

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/pki"
)

// ErrNotServed is a fault that does not bite: a new TLS connection gets another certificate than the fault wrote.
var ErrNotServed = errors.New("the certificate that the fault wrote is not the one that is served")

// Served is the leaf certificate that a new TLS connection to endpoint (host:port) gets, made from within the node by
// openssl. Whether the server then refuses the nameless client does not matter: its certificate came first.
func Served(ctx context.Context, n cluster.Node, endpoint string) (*x509.Certificate, error) {
	out, err := n.Exec(ctx, strings.NewReader(""), "timeout", "5", "openssl", "s_client", "-connect", endpoint)
	certs, parseErr := pki.ParsePEM(out)
	if parseErr == nil {
		return certs[0], nil
	}
	if err == nil {
		err = parseErr
	}
	// The output of s_client ends in the keys of the session.
	return nil, fmt.Errorf("%s: no certificate from %s: %w", n.Name(), endpoint, nodeop.WithoutOutput(err))
}

// awaitServed waits a few seconds, because a server may take a moment to read a changed file.
func awaitServed(ctx context.Context, clock clockwork.Clock, n cluster.Node, endpoint string, want *x509.Certificate) error {
	return await.Until(ctx, clock, 250*time.Millisecond, 5*time.Second, func(ctx context.Context) error {
		got, err := Served(ctx, n, endpoint)
		if err != nil {
			return err
		}
		if !got.Equal(want) {
			return fmt.Errorf("%w at %s: serial %x until %s, want %x until %s", ErrNotServed, endpoint,
				got.SerialNumber, got.NotAfter.Format(time.RFC3339), want.SerialNumber, want.NotAfter.Format(time.RFC3339))
		}
		return nil
	})
}
