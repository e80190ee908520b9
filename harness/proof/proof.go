// Package proof says whether a cluster is what it was: more exactly than a snapshot, which a repair may change in many ways.
// Nothing is judged on a rewound cluster that is different in anything but what nodestate and snapshot name as restless.
package proof

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/nodestate"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
)

// Proof is what a cluster is like: its API's objects with identity and generation, every node's files, units, processes,
// mounts, network, settings, images and the certificates it serves, and what the engine gives its containers.
type Proof struct {
	objects snapshot.Snapshot
	nodes   map[string]nodestate.Facts
}

// Take takes the proof of a cluster, nodes first: what taking the objects runs in the nodes is none of theirs. The program must
// be on the nodes: nodeprogram.Program.With.
func Take(ctx context.Context, k *cluster.Kind) (Proof, error) {
	nodes, err := takeNodes(ctx, k)
	if err != nil {
		return Proof{}, fmt.Errorf("take the proof of cluster %s: %w", k.Name(), err)
	}
	objects, err := snapshot.TakeExact(ctx, k)
	return Proof{objects: objects, nodes: nodes}, err
}

func takeNodes(ctx context.Context, k *cluster.Kind) (map[string]nodestate.Facts, error) {
	facts := make([]nodestate.Facts, len(k.Nodes()))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range k.Nodes() {
		group.Go(func() (err error) {
			facts[i], err = takeNode(ctx, k, n)
			return err
		})
	}
	err := group.Wait()
	all := map[string]nodestate.Facts{}
	for i, n := range k.Nodes() {
		all[n.Name()] = facts[i]
	}
	return all, err
}

func takeNode(ctx context.Context, k *cluster.Kind, n cluster.Node) (nodestate.Facts, error) {
	out, err := n.Exec(ctx, nil, nodeprogram.Path, "--node", n.Name(), "facts")
	if err != nil {
		return nil, nodeop.WithoutOutput(err)
	}
	facts := nodestate.Facts{}
	if err := json.Unmarshal(out, &facts); err != nil {
		return nil, fmt.Errorf("%s: what nov30-node facts printed: %w", n.Name(), err)
	}
	if len(facts) == 0 {
		return nil, fmt.Errorf("%s: %w", n.Name(), snapshot.ErrNoData)
	}
	container, err := k.Container(ctx, n.Name())
	for field, value := range container {
		facts["container/"+field] = value
	}
	return facts, err
}

// Differences are what is different in after, sorted. Every kind of change counts: a renewed certificate is none of the
// cluster's that was kept.
func Differences(before, after Proof) []slo.Change {
	changes := snapshot.Diff(before.objects, after.objects)
	return slices.Concat(changes, factsDiffer(before.nodes, after.nodes))
}

func factsDiffer(before, after map[string]nodestate.Facts) []slo.Change {
	var changes []slo.Change
	for node, was := range before {
		is := after[node]
		for object, value := range was {
			switch now, there := is[object]; {
			case !there:
				changes = append(changes, slo.Change{Kind: slo.Removed, Node: node, Object: object, Diff: "-" + value})
			case now != value:
				changes = append(changes, slo.Change{Kind: slo.Altered, Node: node, Object: object, Diff: "-" + value + "\n+" + now})
			}
		}
		for object, now := range is {
			if _, there := was[object]; !there {
				changes = append(changes, slo.Change{Kind: slo.Added, Node: node, Object: object, Diff: "+" + now})
			}
		}
	}
	slices.SortFunc(changes, func(a, b slo.Change) int { return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Object, b.Object)) })
	return changes
}

// DifferentError is a cluster that is not what it was.
type DifferentError struct{ Changes []slo.Change }

func (e *DifferentError) Error() string {
	const most = 4
	var all []string
	for _, c := range e.Changes[:min(most, len(e.Changes))] {
		all = append(all, c.String())
	}
	text := fmt.Sprintf("it is not what it was: %s", strings.Join(all, "; "))
	if more := len(e.Changes) - most; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// settleWithin is how long a cluster may take from Ready until the last of its pods runs; it takes three seconds or so.
const settleWithin = 20 * time.Second

// Same proves that a cluster is what it was, waiting until what starts with it has started. The error is *DifferentError if it
// is not, with what was last seen.
func Same(ctx context.Context, k *cluster.Kind, clock clockwork.Clock, want Proof) error {
	return await(ctx, clock, func() ([]slo.Change, error) {
		nodes, err := takeNodes(ctx, k) // quick; the rest only when this is as it should be
		if changes := factsDiffer(want.nodes, nodes); err != nil || len(changes) > 0 {
			return changes, err
		}
		objects, err := snapshot.TakeExact(ctx, k)
		return snapshot.Diff(want.objects, objects), err
	})
}

// Settled takes the proof of a new cluster when nothing changes in it any more: two takes in a row are the same.
func Settled(ctx context.Context, k *cluster.Kind, clock clockwork.Clock) (Proof, error) {
	last, err := Take(ctx, k)
	if err != nil {
		return last, err
	}
	return last, await(ctx, clock, func() ([]slo.Change, error) {
		now, err := Take(ctx, k)
		changes := Differences(last, now)
		last = now
		return changes, err
	})
}

func await(ctx context.Context, clock clockwork.Clock, look func() ([]slo.Change, error)) error {
	deadline := clock.Now().Add(settleWithin)
	for {
		changes, err := look()
		if err == nil && len(changes) == 0 {
			return nil
		}
		if clock.Now().After(deadline) && err == nil {
			err = &DifferentError{changes}
		}
		if errors.Is(err, ctx.Err()) && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if clock.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.After(300 * time.Millisecond):
		}
	}
}
