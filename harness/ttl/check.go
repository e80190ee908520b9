package ttl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// askWithin is how long a node may take to say that its timer counts; one that was restarted is booting meanwhile.
const askWithin = 10 * time.Second

// Check is nil when every node says that its limit has not fired and that its timer counts. Otherwise the error names the
// node: ErrFired with the time and what was undone, ErrNotArmed, or why the node could not be asked.
func (l *Limit) Check(ctx context.Context) error {
	return each(ctx, l.cluster, l.check)
}

func (l *Limit) check(ctx context.Context, n node.Node) error {
	var s unit.Status
	var why error // why the node gave no good answer; what ends the waiting must not hide it
	err := await.Until(ctx, l.clock, 250*time.Millisecond, askWithin, func(ctx context.Context) error {
		var err error
		if s, err = ask(ctx, n); err == nil && s.Fired == nil && !s.Armed {
			err = fmt.Errorf("%s: %w: the timer is %s", n.Name(), ErrNotArmed, s.State)
		}
		if why == nil || ctx.Err() == nil {
			why = err
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: whether the time limit has fired is unknown after %s: %w", n.Name(), askWithin, why)
	}
	if s.Fired == nil {
		return nil
	}
	undone := "nothing"
	if len(s.Fired.Reverted) > 0 {
		undone = strings.Join(s.Fired.Reverted, ", ")
	}
	err = fmt.Errorf("%s: %w at %s (the node's clock); undone: %s", n.Name(), ErrFired, s.Fired.At.Format(time.RFC3339), undone)
	if s.Fired.Error != "" {
		err = fmt.Errorf("%w; %s", err, s.Fired.Error)
	}
	return err
}
