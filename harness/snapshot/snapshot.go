// Package snapshot takes the content of a whole cluster and compares two takes: what was deleted, made again, weakened or
// added shows; a renewed certificate, a restarted pod and what controllers write by themselves do not. It judges content
// and not status: a cluster that is broken differs in nothing from one that works.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/node"
)

// within bounds one take, whatever its context says: a node or an API that hangs must not hold the arm.
const within = 30 * time.Second

// ErrNoData is a part of a cluster that answered with nothing. No data is never taken for no change.
var ErrNoData = errors.New("answered with no data")

// Snapshot is the content of a cluster at one moment: the objects of its API, and of every node the files, programs and
// units that make it what it is. It holds no secret: of secrets it keeps the SHA-256.
type Snapshot struct {
	items map[key]item
}

// Len is how many objects the snapshot holds.
func (s Snapshot) Len() int { return len(s.items) }

// Take takes the content of the cluster: the API and every node at the same time. A part that cannot be taken is an
// error, because what was not seen would look as if it were gone.
func Take(ctx context.Context, c node.Cluster) (Snapshot, error) { return take(ctx, c, false) }

// TakeExact takes more than Take: the generation of every object, and the objects that controllers make from others (pods,
// replica sets), which a repair may have made again but a rewind may not.
func TakeExact(ctx context.Context, c node.Cluster) (Snapshot, error) { return take(ctx, c, true) }

func take(ctx context.Context, c node.Cluster, exact bool) (Snapshot, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("the content of cluster %s was not taken within %v", c.Name(), within))
	defer cancel()
	nodes := c.Nodes()
	if len(nodes) == 0 {
		return Snapshot{}, fmt.Errorf("cluster %s has no nodes to take the content of: %w", c.Name(), ErrNoData)
	}
	parts := make([]map[key]item, 1+len(nodes))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		parts[0], err = takeAPI(ctx, c.Kubeconfig(), exact)
		return err
	})
	for i, n := range nodes {
		group.Go(func() (err error) {
			parts[1+i], err = takeNode(ctx, n)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Snapshot{}, fmt.Errorf("take the content of cluster %s: %w", c.Name(), errors.Join(err, cut(ctx)))
	}
	all := map[key]item{}
	for _, part := range parts {
		for k, i := range part {
			all[k] = i
		}
	}
	return Snapshot{items: all}, nil
}

// cut is why the context ended, if it ended by more than the failure of one part.
func cut(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return cause
	}
	return nil
}
