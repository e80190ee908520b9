// Package bench compares ways of getting a clean cluster, or of doing anything else that takes seconds: every way in every
// round, in an order that changes, and ratios within a round. It measures and tells; it asserts nothing.
package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
)

// Way is one way of doing the same thing.
type Way struct {
	Name string
	// Baseline: the other ways are compared with this one. Exactly one way is.
	Baseline bool
	Target   Target
	// Do does it once and says how long that took; what it needs before and cleans up after does not count. parts are named
	// stretches of it, in their order. It keeps to ctx: a time-out of its own is an error.
	Do func(ctx context.Context) (took time.Duration, parts []Part, err error)
}

// Part is a named stretch of what a way did.
type Part struct {
	Name string
	Took time.Duration
}

// Target is what a way is hoped to reach. The zero Target is none; of two bounds both must be kept.
type Target struct {
	Ratio  float64       // at most this times the baseline, by the medians
	Within time.Duration // at most this, by the median
}

// Sample is what came of one way in one round.
type Sample struct {
	Round int // from 1
	Place int // in the order of its round, from 1
	Took  time.Duration
	Parts []Part
	Error string // why there is no time; empty: there is one
}

// Fact is something of the machine that numbers depend on, such as its cores.
type Fact struct{ Name, Value string }

// Result is what was measured. Numbers are computed from its samples alone.
type Result struct {
	Started time.Time     // wall clock, for people
	Took    time.Duration // all of it, with what does not count
	Rounds  int           // asked for
	Machine []Fact        // given by the caller
	Ways    []Measured    // as they were given
}

// Measured is a way with its samples, one for every round that came to it.
type Measured struct {
	Name     string
	Baseline bool
	Target   Target
	Samples  []Sample
}

// Complete says whether every way has a time for every round.
func (r Result) Complete() bool {
	for _, w := range r.Ways {
		timed := 0
		for _, s := range w.Samples {
			if s.Error == "" {
				timed++
			}
		}
		if timed < r.Rounds {
			return false
		}
	}
	return len(r.Ways) > 0
}

// Run does every way once in every round, in the order of order. A way that fails in a round has the error in that round's
// sample, and the others go on. progress is told each sample; it may be nil. An error is about the comparison itself: ways
// that cannot be compared, or that ctx ended; the samples up to there are in the Result.
func Run(ctx context.Context, clock clockwork.Clock, ways []Way, rounds int, progress func(string)) (Result, error) {
	if err := check(ways, rounds); err != nil {
		return Result{}, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	start := clock.Now()
	r := Result{Started: start.UTC(), Rounds: rounds}
	for _, w := range ways {
		r.Ways = append(r.Ways, Measured{Name: w.Name, Baseline: w.Baseline, Target: w.Target})
	}
	for round := range rounds {
		for place, i := range order(round, len(ways)) {
			if ctx.Err() != nil {
				break
			}
			s := ways[i].once(ctx, clock)
			s.Round, s.Place = round+1, place+1
			r.Ways[i].Samples = append(r.Ways[i].Samples, s)
			progress(fmt.Sprintf("round %d of %d: %s", round+1, rounds, s.words(ways[i].Name)))
		}
	}
	r.Took = clock.Since(start)
	return r, context.Cause(ctx)
}

// once does a way and holds what it says against the clock: a time that is none would look like the best.
func (w Way) once(ctx context.Context, clock clockwork.Clock) Sample {
	start := clock.Now()
	took, parts, err := w.Do(ctx)
	passed := clock.Since(start)
	switch {
	case err != nil:
	case took <= 0:
		err = fmt.Errorf("it measured no time (%s)", took)
	case took > passed:
		err = fmt.Errorf("it says that it took %s, but only %s passed", took, passed)
	}
	if err != nil {
		return Sample{Error: or(oneLine(err.Error(), errorMax), "it failed without a word")}
	}
	return Sample{Took: took, Parts: parts}
}

func (s Sample) words(way string) string {
	if s.Error != "" {
		return way + " failed: " + s.Error
	}
	return way + " " + seconds(s.Took)
}

func check(ways []Way, rounds int) error {
	baselines, names := 0, map[string]bool{}
	var errs []error
	for _, w := range ways {
		if w.Name == "" || oneLine(w.Name, nameMax) != w.Name || names[w.Name] {
			errs = append(errs, fmt.Errorf("way %q: every way needs a name of its own, one line of at most %d characters", w.Name, nameMax))
		}
		if names[w.Name] = true; w.Do == nil {
			errs = append(errs, fmt.Errorf("way %q does nothing: it has no Do", w.Name))
		}
		if w.Target.Ratio < 0 || w.Target.Within < 0 {
			errs = append(errs, fmt.Errorf("way %q: a target below zero", w.Name))
		}
		if w.Baseline {
			baselines++
		}
	}
	if baselines != 1 {
		errs = append(errs, fmt.Errorf("%d ways are the baseline: exactly one must be", baselines))
	}
	if rounds < 1 {
		errs = append(errs, fmt.Errorf("%d rounds: at least 1", rounds))
	}
	return errors.Join(errs...)
}
