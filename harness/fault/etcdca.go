package fault

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/pki"
)

// ResignEtcdCA re-signs the certificate of etcd's CA on the first control-plane node with the same key and subject, a new
// serial and a new life, as a careful renewal of a CA does. A verifier goes by subject and key, so whatever the old
// certificate had signed stays valid under the new one and nothing is wrong: a look-alike. etcd goes on with the one that
// it read when it started, for it never reloads its trust; that one is worth the same.
type ResignEtcdCA struct {
	Clock clockwork.Clock // says when now is, as the nodes see it; nil means the real clock
}

// ErrNotTrusted is a served certificate that does not verify under the CA that the fault wrote: something is wrong after
// all.
var ErrNotTrusted = errors.New("is not trusted under the re-signed CA")

// caSignedFor is kubeadm's default life of a CA, less its leap days.
const caSignedFor = 10 * 365 * 24 * time.Hour

// String implements Fault.
func (f ResignEtcdCA) String() string { return "etcd-ca-resigned" }

// Inject implements Fault. It fails with ErrNotTrusted when what etcd serves does not verify under the CA that then is on
// the node's disk.
func (f ResignEtcdCA) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, cluster.ControlPlane)
	if err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	change, err := f.prepare(ctx, n)
	if err != nil {
		return fmt.Errorf("%s: nothing was changed: %w", f, err)
	}
	if err := change.make(ctx, n, j); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	if err := f.trusts(ctx, c, n, change); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}

// prepare re-signs the CA by itself, in memory.
func (f ResignEtcdCA) prepare(ctx context.Context, n cluster.Node) (fileChange, error) {
	before, key, err := etcdCA(ctx, n)
	if err != nil {
		return fileChange{}, err
	}
	notBefore := clockOr(f.Clock).Now().Add(-time.Minute) // valid at once, whatever is rounded
	resigned, err := pki.Resign(before.Content, before.Content, key.Content, notBefore, notBefore.Add(caSignedFor))
	if err != nil {
		return fileChange{}, fmt.Errorf("%s: %w", before.Path, err)
	}
	after := before
	after.Content = resigned
	return fileChange{before, after}, nil
}

// trusts proves that the node's disk holds a new CA, and that what etcd serves on either port verifies under it.
func (f ResignEtcdCA) trusts(ctx context.Context, c cluster.Cluster, n cluster.Node, ch fileChange) error {
	file, err := present(ctx, n, ch.after.Path)
	if err != nil {
		return err
	}
	ca, err := firstCertificate(file)
	if err != nil {
		return err
	}
	old, err := firstCertificate(ch.before)
	if err != nil {
		return err
	}
	if ca.SerialNumber.Cmp(old.SerialNumber) == 0 {
		return fmt.Errorf("%s: %s still holds serial %x", n.Name(), file.Path, ca.SerialNumber)
	}
	endpoints, err := etcdEndpoints(ctx, c, n)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, endpoint := range endpoints {
		leaf, err := Served(ctx, n, endpoint)
		if err != nil {
			return err
		}
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: clockOr(f.Clock).Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			return fmt.Errorf("%s: what %s serves %w: %w", n.Name(), endpoint, ErrNotTrusted, err)
		}
	}
	return nil
}
