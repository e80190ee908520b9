// Package ttl sets a time limit to what faults change in the nodes: each node undoes it by itself when the harness, its
// guardian and everything else outside have died. It is longer than an arm and fires only when nothing else did its work; an
// arm in which it fired is inconclusive.
package ttl

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// Max is the longest time limit.
const Max = time.Hour

// Limit is the time limit of one arm on every node of its cluster.
type Limit struct {
	cluster node.Cluster
	meta    journal.Meta
	after   time.Duration
	clock   clockwork.Clock
}

// Errors of Arm and Check.
var (
	ErrFired    = unit.ErrFired
	ErrNotArmed = errors.New("the time limit is not armed")
	ErrInPlace  = errors.New("there is a time limit already: `nov30 sweep` ends that of a run that died")
)

// each does something on all nodes at once and joins the errors.
func each(ctx context.Context, c node.Cluster, do func(context.Context, node.Node) error) error {
	nodes := c.Nodes()
	if len(nodes) == 0 {
		return fmt.Errorf("cluster %s: %w: it has none", c.Name(), node.ErrNoNode)
	}
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { errs[i] = do(ctx, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ask has the node's program say how its limit is.
func ask(ctx context.Context, n node.Node) (unit.Status, error) {
	out, err := n.Exec(ctx, nil, unit.Program, "status", "--node="+n.Name())
	if err != nil {
		return unit.Status{}, err
	}
	s, err := unit.ParseStatus(out)
	if err != nil {
		return unit.Status{}, fmt.Errorf("%s: %w", n.Name(), err)
	}
	return s, nil
}
