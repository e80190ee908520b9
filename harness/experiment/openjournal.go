package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
)

// openWithin is how long a new run waits for somebody else's revert to end.
const openWithin = time.Minute

// ErrOpenJournal is a journal that nobody could close: a new run does not begin over it.
var ErrOpenJournal = errors.New("a journal is still open, so something is still broken")

// awaitNoOpenJournal waits until every journal that is left belongs to a living run: those that another process is
// reverting just now (a guardian, a sweep) will be gone. One that nobody is at work on is refused at once.
func (h Home) awaitNoOpenJournal(ctx context.Context, clock clockwork.Clock) error {
	deadline := clock.Now().Add(openWithin)
	for {
		open, busy, err := h.openJournal()
		if err != nil {
			return err
		}
		if open == "" {
			return nil
		}
		if !busy || clock.Now().After(deadline) {
			return fmt.Errorf("%w: %s; `nov30 sweep` tells what is in its way", ErrOpenJournal, open)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.After(500 * time.Millisecond):
		}
	}
}

// openJournal finds a journal of a run that is not alive, one that nobody is at work on first.
func (h Home) openJournal() (path string, busy bool, err error) {
	all, err := journal.List(h.Journals())
	if err != nil {
		return "", false, err
	}
	for _, l := range all {
		alive, err := h.Alive(l.Meta.Run)
		if err != nil {
			return "", false, err
		}
		if l.InUse && alive {
			continue
		}
		if path = l.Path; !l.InUse {
			return path, false, nil
		}
	}
	return path, path != "", nil
}
