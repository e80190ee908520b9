package fault

import (
	"context"
	"fmt"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// fileChange is one file of a node before and after a fault.
type fileChange struct {
	before, after nodeop.File
}

// make journals the inverse, then changes the file, then reads it back: a node that only says so must not pass for a
// broken one.
func (ch fileChange) make(ctx context.Context, n cluster.Node, j journal.Journal) error {
	if err := j.Append(journal.Restore(n.Name(), ch.before, ch.after.Content)); err != nil {
		return fmt.Errorf("%s is unchanged, its inverse is not in the journal: %w", ch.before.Path, err)
	}
	if err := nodeop.Write(ctx, n, ch.after); err != nil {
		return err
	}
	return nodeop.Verify(ctx, n, ch.after)
}

// present reads a file that must exist.
func present(ctx context.Context, n cluster.Node, path string) (nodeop.File, error) {
	f, err := nodeop.Read(ctx, n, path)
	if err == nil && f.Absent {
		err = fmt.Errorf("%s: there is no %s", n.Name(), path)
	}
	return f, err
}
