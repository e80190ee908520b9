package fault

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/pki"
)

// ExpireEtcdCerts expires etcd's server, peer and healthcheck-client certificates on the first control-plane node
// (T01): each is re-signed by etcd's own CA with the same key, subject and names, for a year that ended a moment ago
// (openssl's default life, which the night's certificates had). etcd reads its files at each handshake, but Go judges
// expiry at the handshake only, so connections that exist live on: the fault is latent until a reconnect. etcd's CA key
// is read from the node into memory; it is neither stored nor logged.
type ExpireEtcdCerts struct {
	// Cut ends the latent phase in the same injection: etcd's connections are cut and the API server is killed.
	Cut bool
	// Clock says when now is, as the nodes see it; nil means the real clock.
	Clock clockwork.Clock
}

const (
	etcdPKI = "/etc/kubernetes/pki/etcd/"
	// expiredSince is how long ago the new life ends: clear of any rounding, small enough to be "just expired".
	expiredSince = time.Minute
	signedFor    = 365 * 24 * time.Hour
)

// String implements Fault.
func (f ExpireEtcdCerts) String() string { return "etcd-certs-expired" }

// Inject implements Fault. Everything is read and signed before the first change. It fails with ErrNotServed when etcd
// does not serve the expired certificates.
func (f ExpireEtcdCerts) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, cluster.ControlPlane)
	if err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	changes, err := f.prepare(ctx, n)
	if err != nil {
		return fmt.Errorf("%s: nothing was changed: %w", f, err)
	}
	for _, ch := range changes {
		if err := ch.make(ctx, n, j); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	if err := f.awaitServed(ctx, c, n, changes); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	if !f.Cut {
		return nil
	}
	if err := endLatentPhase(ctx, clockOr(f.Clock), n); err != nil {
		return fmt.Errorf("%s: end the latent phase: %w", f, err)
	}
	return nil
}

// prepare re-signs the certificates in memory.
func (f ExpireEtcdCerts) prepare(ctx context.Context, n cluster.Node) ([]fileChange, error) {
	caCert, err := present(ctx, n, etcdPKI+"ca.crt")
	if err != nil {
		return nil, err
	}
	caKey, err := present(ctx, n, etcdPKI+"ca.key")
	if err != nil {
		return nil, err
	}
	notAfter := clockOr(f.Clock).Now().Add(-expiredSince)
	var changes []fileChange
	for _, name := range []string{"server.crt", "peer.crt", "healthcheck-client.crt"} {
		before, err := present(ctx, n, etcdPKI+name)
		if err != nil {
			return nil, err
		}
		expired, err := pki.Resign(before.Content, caCert.Content, caKey.Content, notAfter.Add(-signedFor), notAfter)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", before.Path, err)
		}
		after := before
		after.Content = expired
		changes = append(changes, fileChange{before, after})
	}
	return changes, nil
}

// awaitServed proves on both of etcd's TLS ports that a new connection gets the expired certificate.
func (f ExpireEtcdCerts) awaitServed(ctx context.Context, c cluster.Cluster, n cluster.Node, changes []fileChange) error {
	address, err := c.Address(ctx, n.Name())
	if err != nil {
		return err
	}
	served := map[string]string{
		etcdPKI + "server.crt": "127.0.0.1:2379",
		etcdPKI + "peer.crt":   net.JoinHostPort(address.String(), "2380"),
	}
	for _, ch := range changes {
		endpoint, ok := served[ch.after.Path]
		if !ok {
			continue // a client's certificate
		}
		want, err := firstCertificate(ch.after)
		if err != nil {
			return err
		}
		if err := awaitServed(ctx, clockOr(f.Clock), n, endpoint, want); err != nil {
			return err
		}
	}
	return nil
}

func firstCertificate(f nodeop.File) (*x509.Certificate, error) {
	certs, err := pki.ParsePEM(f.Content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return certs[0], nil
}

func clockOr(c clockwork.Clock) clockwork.Clock {
	if c == nil {
		return clockwork.NewRealClock()
	}
	return c
}
