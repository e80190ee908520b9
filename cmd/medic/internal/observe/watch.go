// Package observe runs the detection: for ever, or once.
package observe

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// Observer looks at a cluster in rounds and judges them.
type Observer struct {
	Look  *look.Looker
	Clock clockwork.Clock
	Log   *slog.Logger // what could not be looked at
}

// Watch makes a round every interval, which is also how long a round may wait for its looks, and prints findings to w as
// JSON lines. It returns nil when ctx ends, and an error only when w takes no more.
func (o *Observer) Watch(ctx context.Context, w io.Writer, interval time.Duration) error {
	j, p := judge.New(o.Clock), finding.NewPrinter(w)
	tick := o.Clock.NewTicker(interval)
	defer tick.Stop()
	blind := ""
	for {
		v := j.Round(o.Look.Round(ctx, interval))
		if ctx.Err() != nil {
			return nil // what a cut round says is about the cut
		}
		if err := p.Round(o.Clock.Now(), v.Findings); err != nil {
			return err
		}
		if now := strings.Join(v.Blind, "; "); now != blind {
			o.sayBlind(now)
			blind = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.Chan():
		}
	}
}

func (o *Observer) sayBlind(what string) {
	if what == "" {
		o.Log.Info("everything can be looked at again")
		return
	}
	o.Log.Warn("not everything can be looked at", "what", what)
}
