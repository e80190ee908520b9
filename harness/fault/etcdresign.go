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

const (
	etcdPKI = "/etc/kubernetes/pki/etcd/"
	// signedFor is openssl's default life, which the night's certificates had.
	signedFor = 365 * 24 * time.Hour
)

// resignEtcd re-signs etcd's server, peer and healthcheck-client certificates on the first control-plane node by etcd's
// own CA with the same key, subject and names, for the year that ends at notAfter, and proves that etcd serves them.
// Everything is read and signed before the first change. etcd's CA key is read from the node into memory; it is neither
// stored nor logged.
func resignEtcd(ctx context.Context, c cluster.Cluster, j journal.Journal, clock clockwork.Clock, notAfter time.Time) (cluster.Node, error) {
	n, err := cluster.First(c, cluster.ControlPlane)
	if err != nil {
		return nil, err
	}
	changes, err := resignedEtcd(ctx, n, notAfter)
	if err != nil {
		return nil, fmt.Errorf("nothing was changed: %w", err)
	}
	for _, ch := range changes {
		if err := ch.make(ctx, n, j); err != nil {
			return nil, err
		}
	}
	return n, awaitEtcdServes(ctx, clock, c, n, changes)
}

// resignedEtcd re-signs the certificates in memory.
func resignedEtcd(ctx context.Context, n cluster.Node, notAfter time.Time) ([]fileChange, error) {
	caCert, caKey, err := etcdCA(ctx, n)
	if err != nil {
		return nil, err
	}
	var changes []fileChange
	for _, name := range []string{"server.crt", "peer.crt", "healthcheck-client.crt"} {
		before, err := present(ctx, n, etcdPKI+name)
		if err != nil {
			return nil, err
		}
		resigned, err := pki.Resign(before.Content, caCert.Content, caKey.Content, notAfter.Add(-signedFor), notAfter)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", before.Path, err)
		}
		after := before
		after.Content = resigned
		changes = append(changes, fileChange{before, after})
	}
	return changes, nil
}

// etcdCA reads the certificate and the key of etcd's CA.
func etcdCA(ctx context.Context, n cluster.Node) (cert, key nodeop.File, err error) {
	if cert, err = present(ctx, n, etcdPKI+"ca.crt"); err != nil {
		return cert, key, err
	}
	key, err = present(ctx, n, etcdPKI+"ca.key")
	return cert, key, err
}

// etcdEndpoints are etcd's two TLS ports on a node and the file whose certificate each of them serves.
func etcdEndpoints(ctx context.Context, c cluster.Cluster, n cluster.Node) (map[string]string, error) {
	address, err := c.Address(ctx, n.Name())
	if err != nil {
		return nil, err
	}
	return map[string]string{
		etcdPKI + "server.crt": net.JoinHostPort("127.0.0.1", etcdClientPort),
		etcdPKI + "peer.crt":   net.JoinHostPort(address.String(), etcdPeerPort),
	}, nil
}

// awaitEtcdServes proves on both of etcd's TLS ports that a new connection gets the certificate that was written.
func awaitEtcdServes(ctx context.Context, clock clockwork.Clock, c cluster.Cluster, n cluster.Node, changes []fileChange) error {
	served, err := etcdEndpoints(ctx, c, n)
	if err != nil {
		return err
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
		if err := awaitServed(ctx, clock, n, endpoint, want); err != nil {
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
