package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
)

// ExpireEtcdCerts expires etcd's server, peer and healthcheck-client certificates on the first control-plane node
// (T01): each is re-signed by etcd's own CA with the same key, subject and names, for a year that ended a moment ago.
// etcd reads its files at each handshake, but Go judges expiry at the handshake only, so connections that exist live on:
// the fault is latent until a reconnect.
type ExpireEtcdCerts struct {
	// Cut ends the latent phase in the same injection: etcd's connections are cut and the API server is killed.
	Cut bool
	// Clock says when now is, as the nodes see it; nil means the real clock.
	Clock clockwork.Clock
}

// expiredSince is how long ago the new life ends: clear of any rounding, small enough to be "just expired".
const expiredSince = time.Minute

// String implements Fault.
func (f ExpireEtcdCerts) String() string { return "etcd-certs-expired" }

// Inject implements Fault. It fails with ErrNotServed when etcd does not serve the expired certificates.
func (f ExpireEtcdCerts) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	clock := clockOr(f.Clock)
	n, err := resignEtcd(ctx, c, j, clock, clock.Now().Add(-expiredSince))
	if err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	if !f.Cut {
		return nil
	}
	if err := endLatentPhase(ctx, clock, n); err != nil {
		return fmt.Errorf("%s: end the latent phase: %w", f, err)
	}
	return nil
}

// EndEtcdCertsTomorrow re-signs the same three certificates for a year that ends tomorrow, which breaks nothing: a
// look-alike. A tool may warn of them; a critical finding is a false alarm.
type EndEtcdCertsTomorrow struct {
	Clock clockwork.Clock // says when now is, as the nodes see it; nil means the real clock
}

// validFor is a little less than a day, so that whoever counts whole days sees none left.
const validFor = 24*time.Hour - 10*time.Minute

// String implements Fault.
func (f EndEtcdCertsTomorrow) String() string { return "etcd-certs-end-tomorrow" }

// Inject implements Fault. It fails with ErrNotServed when etcd does not serve the certificates that end tomorrow.
func (f EndEtcdCertsTomorrow) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	clock := clockOr(f.Clock)
	if _, err := resignEtcd(ctx, c, j, clock, clock.Now().Add(validFor)); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}
