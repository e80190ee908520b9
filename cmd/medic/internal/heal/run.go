package heal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// step is one step of the runbook. do may be nil: then the step only checks.
type step struct {
	id, name       string // R3, "renew etcd's certificates"
	title          string // what exactly is done, for the plan
	byHand         string
	pre, do, check func(context.Context) error
}

// run is one run of the runbook.
type run struct {
	h     *Healer
	stop  context.Context // ends with a signal
	begun time.Time
	nodes []*nodeRun // the control-plane nodes
	ready bool       // the API answered at the beginning
	done  []string   // the steps that have ended well
}

// step runs one step and accounts for it.
func (r *run) step(act context.Context, s step) error {
	if r.stop.Err() != nil {
		return r.interrupted()
	}
	begun := r.h.Clock.Now()
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{"precondition", s.pre}, {"action", s.do}, {"check", s.check}} {
		if part.do == nil {
			continue
		}
		err := part.do(act)
		if errors.Is(err, ErrInterrupted) {
			return r.interrupted()
		}
		if err != nil {
			r.say("%-7s FAILED after %s, in its %s", s.id, r.since(begun), part.name)
			return &StepError{Step: s.id + " (" + s.name + "), " + part.name, Err: err, ByHand: s.byHand}
		}
	}
	r.done = append(r.done, s.id)
	r.say("%-7s ok in %s: %s", s.id, r.since(begun), s.name)
	return nil
}

func (r *run) interrupted() error {
	done := "nothing was changed"
	if len(r.done) > 0 {
		done = "done and checked: " + strings.Join(r.done, ", ")
	}
	return &StepError{Step: "run", Err: ErrInterrupted, ByHand: done + "; heal can be started again at any time"}
}

// until tries again and again until try returns nil, a *finalError, or the time is over; then the last outcome is the
// error. A signal ends the wait.
func (r *run) until(act context.Context, within, every time.Duration, try func(context.Context) error) error {
	over := r.h.Clock.Now().Add(within)
	for {
		err := attempt(act, try)
		var final *finalError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &final):
			return final.err
		case act.Err() != nil:
			return fmt.Errorf("the deadline of the context file is over: %w", err)
		case !r.h.Clock.Now().Before(over):
			return fmt.Errorf("%w (for %s)", err, within)
		}
		select {
		case <-r.stop.Done():
			return ErrInterrupted
		case <-act.Done():
		case <-r.h.Clock.After(every):
		}
	}
}

// attemptTimeout bounds one attempt of a check.
const attemptTimeout = 5 * time.Second

func attempt(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return try(ctx)
}

// finalError is an outcome that no further attempt can change.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }

func (e *finalError) Unwrap() error { return e.err }

func (r *run) say(format string, args ...any) { fmt.Fprintf(r.h.Out, format+"\n", args...) }

func (r *run) since(t time.Time) string {
	return fmt.Sprintf("%.1f s", r.h.Clock.Since(t).Seconds())
}
