package heal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// When an apiserver that is not ready is helped, from the beginning of the wait.
const (
	cutOffAfter  = 8 * time.Second
	backoffAfter = 12 * time.Second
	backoffEvery = 3 * time.Second // between two looks for a process
)

// nudge helps an apiserver that has not noticed the repair, in each of two ways at most once.
type nudge struct {
	run                *run
	act                context.Context
	cutOff, backoff    time.Time // not before
	restarted, cleared bool
}

func newNudge(r *run, act context.Context) *nudge {
	now := r.h.Clock.Now()
	return &nudge{run: r, act: act, cutOff: now.Add(cutOffAfter), backoff: now.Add(backoffAfter)}
}

// apiserver is told why the API was not ready just now.
func (n *nudge) apiserver(notReady error) error {
	now := n.run.h.Clock.Now()
	if !n.restarted && !now.Before(n.cutOff) && lacksEtcd(notReady) {
		n.restarted, n.backoff = true, now.Add(backoffAfter)
		return n.restart()
	}
	if !n.cleared && !now.Before(n.backoff) {
		n.backoff = now.Add(backoffEvery)
		return n.clear()
	}
	return nil
}

// lacksEtcd tells whether an apiserver answers and lacks nothing but etcd.
func lacksEtcd(err error) bool {
	var e *kubeapi.NotReadyError
	return errors.As(err, &e) && len(e.Failing) > 0 &&
		!slices.ContainsFunc(e.Failing, func(check string) bool { return !strings.HasPrefix(check, "etcd") })
}

// restart ends apiservers that live on without etcd, which R4 has just seen working: a gRPC client that was refused for
// long waits up to two minutes before it connects again (grpc: doc/connection-backoff.md). They serve nobody meanwhile.
func (n *nudge) restart() error {
	r := n.run
	return r.each(func(node *nodeRun) error {
		err := attempt(n.act, func(ctx context.Context) error {
			return r.h.API.ReadyAt(ctx, look.Endpoint(node.node.Address, look.APIServer))
		})
		if !lacksEtcd(err) {
			return nil
		}
		r.say("        the apiserver of %s does not connect to etcd again by itself: it is restarted", node.node.Name)
		_, err = r.exec(n.act, node, "pkill", "-KILL", "-x", "kube-apiserver") // the kubelet starts it again
		return err
	})
}

// clear makes the kubelet forget its back-off once more when the apiserver has come and gone again: its first start may
// have fallen into the time before etcd served.
func (n *nudge) clear() error {
	return n.run.each(func(node *nodeRun) error {
		if err := n.run.nodeFacts(n.act, node); err != nil {
			return err
		}
		if !slices.Contains(node.down, "kube-apiserver") {
			return nil
		}
		n.cleared = true
		n.run.say("        the apiserver of %s is in back-off: its kubelet is restarted once more", node.node.Name)
		return n.run.restartKubelet(n.act, node)
	})
}
