package fault

import (
	"context"
	"errors"
	"fmt"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// RestartNode restarts the first node of a role, as operators do in an outage (T09). With the API dead its pods do not
// come back: kubelet has nobody to ask. It needs nothing of the API itself and ends when systemd in the node has booted.
type RestartNode struct {
	Role  cluster.Role
	Clock clockwork.Clock // paces the waiting; nil means the real clock
}

// ErrNotRestarted is a node that is still in its old boot.
var ErrNotRestarted = errors.New("the node did not restart")

// String implements Fault.
func (f RestartNode) String() string { return "node-restarted" }

// Inject implements Fault.
func (f RestartNode) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, f.Role)
	if err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	if err := f.restart(ctx, c, n, j); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}

func (f RestartNode) restart(ctx context.Context, c cluster.Cluster, n cluster.Node, j journal.Journal) error {
	before, err := nodeop.BootID(ctx, n)
	if err != nil {
		return err
	}
	if err := j.Append(journal.Inverse{Op: journal.StartNode, Node: n.Name()}); err != nil {
		return fmt.Errorf("%s was not stopped, its inverse is not in the journal: %w", n.Name(), err)
	}
	if err := c.StopNode(ctx, n.Name()); err != nil {
		return err
	}
	if err := c.StartNode(ctx, n.Name()); err != nil {
		return err
	}
	if err := nodeop.AwaitBoot(ctx, clockOr(f.Clock), n); err != nil {
		return err
	}
	after, err := nodeop.BootID(ctx, n)
	if err != nil {
		return err
	}
	if after == before {
		return fmt.Errorf("%s: %w: process 1 began at tick %s both before and after", n.Name(), ErrNotRestarted, before)
	}
	return nil
}
