package heal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/netreason"
)

const (
	readyInRow   = 3                      // answers 200, each on a new connection
	readyEvery   = 200 * time.Millisecond // between two attempts
	backoffAfter = 12 * time.Second       // then it is asked whether the apiserver is in back-off once more
	backoffEvery = 3 * time.Second
)

// apiStep is R5.
func (r *run) apiStep(what, backup string) step {
	of := func(n *nodeRun) []renewal { return n.api }
	s := step{
		id: "R5", name: "the API answers new connections", title: "wait for /readyz on new connections",
		byHand: "look at the apiserver: crictl ps -a --name kube-apiserver; crictl logs; journalctl -u kubelet",
		pre: func(context.Context) error {
			return errors.Join(r.canAsk(), r.each(func(n *nodeRun) error {
				_, err := r.authority(n, finding.CA)
				return err
			}))
		},
		check: r.waitReady,
	}
	if what == "" {
		return s
	}
	s.title = "renew " + what + "; " + s.title
	s.byHand += "; the files as they were are in " + backup
	s.pre = func(context.Context) error {
		return errors.Join(r.canAsk(), r.each(func(n *nodeRun) error {
			if err := r.canRenew(n, finding.CA, apiCertificates); err != nil {
				return err
			}
			if !slices.ContainsFunc(n.api, func(c renewal) bool { return c.culprit == finding.FrontProxyClient }) {
				return nil
			}
			return r.canRenew(n, finding.FrontProxyCA, apiCertificates)
		}))
	}
	s.do = func(ctx context.Context) error { return r.renew(ctx, of) }
	s.check = func(ctx context.Context) error {
		if err := r.renewed(ctx, of); err != nil {
			return err
		}
		return r.waitReady(ctx)
	}
	return s
}

// canAsk checks that the bastion's kubeconfig is good for anything: an expired one is refused by the healthiest API.
func (r *run) canAsk() error {
	k, err := kubeapi.LoadKubeconfig(r.h.API.Path)
	if err != nil {
		return err
	}
	if k.Client != nil && !inventory.Usable(k.Client.Leaf, r.h.Clock.Now()) {
		return fmt.Errorf("the client certificate in the bastion's kubeconfig %s is valid from %s to %s only: renew it first (R6)",
			r.h.API.Path, day(k.Client.Leaf.NotBefore), day(k.Client.Leaf.NotAfter))
	}
	return nil
}

// waitReady waits until the API answers on new connections and serves what was renewed.
func (r *run) waitReady(act context.Context) error {
	b := &backoff{run: r, act: act, next: r.h.Clock.Now().Add(backoffAfter)}
	row := 0
	return r.until(act, r.h.ReadyWithin, readyEvery, func(ctx context.Context) error {
		if err := r.h.API.Ready(ctx); err != nil {
			row = 0
			var conf *kubeapi.ConfigError
			if errors.As(err, &conf) {
				return &finalError{err}
			}
			return errors.Join(fmt.Errorf("the API is not ready: %s", netreason.Text(err)), b.clear())
		}
		if row++; row < readyInRow {
			return fmt.Errorf("the API was ready only %d times in a row", row)
		}
		return r.each(func(n *nodeRun) error { return r.servesNew(ctx, n, n.api) })
	})
}

// backoff clears the kubelet's back-off once more when the apiserver has come and gone again: its first start may have
// fallen into the time before etcd served.
type backoff struct {
	run     *run
	act     context.Context
	next    time.Time
	cleared bool
}

func (b *backoff) clear() error {
	now := b.run.h.Clock.Now()
	if b.cleared || now.Before(b.next) {
		return nil
	}
	b.next = now.Add(backoffEvery)
	return b.run.each(func(n *nodeRun) error {
		if err := b.run.nodeFacts(b.act, n); err != nil {
			return err
		}
		if !slices.Contains(n.down, "kube-apiserver") {
			return nil
		}
		b.cleared = true
		b.run.say("        the apiserver of %s is in back-off: its kubelet is restarted once more", n.node.Name)
		return b.run.restartKubelet(b.act, n)
	})
}
