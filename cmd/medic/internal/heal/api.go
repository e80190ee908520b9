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
	readyInRow = 3                      // answers 200, each on a new connection
	readyEvery = 200 * time.Millisecond // between two attempts
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
	help := newNudge(r, act)
	row := 0
	return r.until(act, r.h.ReadyWithin, readyEvery, func(ctx context.Context) error {
		if err := r.h.API.Ready(ctx); err != nil {
			row = 0
			var conf *kubeapi.ConfigError
			if errors.As(err, &conf) {
				return &finalError{err}
			}
			return errors.Join(fmt.Errorf("the API is not ready: %s", netreason.Text(err)), help.apiserver(err))
		}
		if row++; row < readyInRow {
			return fmt.Errorf("the API was ready only %d times in a row", row)
		}
		return r.each(func(n *nodeRun) error { return r.servesNew(ctx, n, n.api) })
	})
}
