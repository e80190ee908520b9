package heal

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// renewScript renews the certificates $2… with the configuration $1, if there is one. Without an explicit configuration
// kubeadm asks the cluster, which may be down, and then falls back on its defaults.
const renewScript = `set -eu
config=$1
shift
for name; do
	if [ -n "$config" ]; then kubeadm certs renew "$name" --config "$config"; else kubeadm certs renew "$name"; fi
done`

// renewEtcdStep is R3.
func (r *run) renewEtcdStep(what, backup string) step {
	of := func(n *nodeRun) []renewal { return n.etcd }
	return step{
		id: "R3", name: "renew etcd's certificates", title: "renew " + what,
		byHand: "kubeadm certs renew NAME on the node; the files as they were are in " + backup,
		pre: func(context.Context) error {
			if err := r.sameAuthority(finding.EtcdCA); err != nil {
				return err
			}
			return r.each(func(n *nodeRun) error { return r.canRenew(n, finding.EtcdCA, etcdCertificates) })
		},
		do:    func(ctx context.Context) error { return r.renew(ctx, of) },
		check: func(ctx context.Context) error { return r.renewed(ctx, of) },
	}
}

// maxClock is how far a node's clock may be off when it signs.
const maxClock = 60 * time.Second

// canRenew is the precondition of signing: the node's clock is right, and the authority is valid and is the one that has
// signed what there is.
func (r *run) canRenew(n *nodeRun, ca string, certificates []renewal) error {
	if n.clock.Abs() > maxClock {
		return fmt.Errorf("%s: its clock is off by %s: R1 is needed first and is not in this version", n.node.Name, n.clock)
	}
	roots, err := r.authority(n, ca)
	if err != nil {
		return err
	}
	for _, c := range certificates {
		f, ok := inventory.Find(n.files, c.culprit)
		if ok && inventory.Authority(c.culprit) == ca && !inventory.Signed(f.Certs, roots) {
			return fmt.Errorf("%s: %s is not signed by %s: the authority was replaced. %s", n.node.Name, c.culprit, ca, r2)
		}
	}
	return nil
}

// authority returns the certificates of an authority that is valid now.
func (r *run) authority(n *nodeRun, ca string) ([]*x509.Certificate, error) {
	f, ok := inventory.Find(n.files, ca)
	if !ok {
		return nil, fmt.Errorf("%s: there is no certificate of %s. %s", n.node.Name, ca, r2)
	}
	now := r.h.Clock.Now()
	if c := inventory.Deciding(f, now); !inventory.Usable(c, now) {
		return nil, fmt.Errorf("%s: %s is valid from %s to %s only. %s", n.node.Name, ca, day(c.NotBefore), day(c.NotAfter), r2)
	}
	return f.Certs, nil
}

// sameAuthority checks that all control-plane nodes have the same key in an authority.
func (r *run) sameAuthority(ca string) error {
	var first []byte
	return r.each(func(n *nodeRun) error {
		f, ok := inventory.Find(n.files, ca)
		if !ok {
			return nil // authority says so
		}
		key := inventory.Deciding(f, r.h.Clock.Now()).RawSubjectPublicKeyInfo
		if first == nil {
			first = key
		}
		if !bytes.Equal(first, key) {
			return fmt.Errorf("%s has another %s than %s. %s", n.node.Name, ca, r.nodes[0].node.Name, r2)
		}
		return nil
	})
}

func (r *run) renew(ctx context.Context, of func(*nodeRun) []renewal) error {
	return r.each(func(n *nodeRun) error {
		if len(of(n)) == 0 {
			return nil
		}
		argv := []string{"sh", "-c", renewScript, "medic", n.config}
		for _, c := range of(n) {
			argv = append(argv, c.name)
		}
		_, err := r.exec(ctx, n, argv...)
		return err
	})
}

// renewed reads the certificates again: what kubeadm printed proves nothing.
func (r *run) renewed(ctx context.Context, of func(*nodeRun) []renewal) error {
	return r.each(func(n *nodeRun) error {
		if len(of(n)) == 0 {
			return nil
		}
		files, err := look.Files(ctx, r.h.Transport, n.node.Name)
		if err != nil {
			return err
		}
		n.files = files
		for _, c := range of(n) {
			if err := r.isNew(n, c); err != nil {
				return fmt.Errorf("%s: %s: %w", n.node.Name, c.name, err)
			}
		}
		return nil
	})
}

func (r *run) isNew(n *nodeRun, c renewal) error {
	f, ok := inventory.Find(n.files, c.culprit)
	if !ok {
		return fmt.Errorf("its file is gone")
	}
	return r.isGood(n, c, f.Certs)
}

// isGood checks that a chain is a new certificate of c, valid now and signed by its authority.
func (r *run) isGood(n *nodeRun, c renewal, chain []*x509.Certificate) error {
	leaf, now := chain[0], r.h.Clock.Now()
	ca, _ := inventory.Find(n.files, inventory.Authority(c.culprit))
	switch {
	case leaf.SerialNumber.Cmp(c.old.SerialNumber) == 0:
		return fmt.Errorf("it is still the old certificate, serial %s", inventory.Serial(leaf))
	case !inventory.Usable(leaf, now):
		return fmt.Errorf("the new certificate is valid from %s to %s only", day(leaf.NotBefore), day(leaf.NotAfter))
	case !inventory.Signed(chain, ca.Certs):
		return fmt.Errorf("the new certificate is not signed by %s", inventory.Authority(c.culprit))
	}
	return nil
}
