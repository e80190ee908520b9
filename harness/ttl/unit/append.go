package unit

import (
	"context"
	"errors"
	"fmt"

	"github.com/nov30/nov30/harness/journal"
)

// ErrOtherArm is a node whose journal is not this arm's.
var ErrOtherArm = errors.New("the node's journal belongs to another arm: `nov30 sweep` applies it")

// Append puts an inverse into the node's journal, which it begins if there is none yet. When it returns nil the inverse is on
// disk and the limit has not fired. After it has fired, ErrFired: nobody would undo a change then.
func (u Unit) Append(ctx context.Context, q Request) error {
	if q.Inverse.Node != u.Node.Name() {
		return fmt.Errorf("the inverse is node %q's, this is %q", q.Inverse.Node, u.Node.Name())
	}
	if err := errors.Join(u.here(), u.notFired()); err != nil {
		return err
	}
	f, err := u.hold(ctx, func() (*journal.File, error) { return u.open(q.Meta) })
	if err != nil {
		return err
	}
	if err := errors.Join(f.Append(q.Inverse), f.Close()); err != nil {
		return err
	}
	return u.notFired() // meanwhile
}

func (u Unit) open(m journal.Meta) (*journal.File, error) {
	found, err := journal.List(u.Dir)
	if err != nil {
		return nil, err
	}
	for _, l := range found {
		if !sameArm(l.Meta, m) {
			return nil, fmt.Errorf("%s: %w", l.Path, ErrOtherArm)
		}
	}
	if len(found) > 0 {
		return journal.Open(found[0].Path)
	}
	return journal.Create(u.Dir, m)
}

func sameArm(a, b journal.Meta) bool {
	return a.Run == b.Run && a.Scenario == b.Scenario && a.Arm == b.Arm && a.Cluster == b.Cluster &&
		a.CASHA256 == b.CASHA256 && a.APIServer == b.APIServer
}
