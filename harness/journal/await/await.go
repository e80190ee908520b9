// Package await waits for a condition by asking again and again, with a limit. Running out of time is an error that
// carries the last answer.
package await

import (
	"context"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
)

// Until calls check at once and then every interval until it returns nil, at most for the time within. check's context
// ends with the limit, so that a hanging check ends too. The error wraps what check said last.
func Until(ctx context.Context, clock clockwork.Clock, every, within time.Duration, check func(context.Context) error) error {
	limit := clock.NewTimer(within)
	defer limit.Stop()
	tick := clock.NewTicker(every)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting at most %s: %w", ctx.Err(), within, err)
		case <-limit.Chan():
			return fmt.Errorf("not within %s: %w", within, err)
		case <-tick.Chan():
		}
	}
}
