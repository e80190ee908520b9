package probe

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/slo"
)

// errorMax is the length of an error in an event, in bytes.
const errorMax = 300

// unwind is how long a check that was cancelled at its time-out may take to say where it stood. The check is red either
// way, and its time is the time-out.
const unwind = 250 * time.Millisecond

// Run checks each probe at start, start+interval, start+2·interval, … (from now on, where start is past) until ctx ends,
// however long earlier checks take: an open loop, whose rate a slow cluster cannot lower. Each check has its own goroutine
// and is red at its time-out even if it ignores its context; a probe with too many of those is red without being asked.
//
// Each check is one event, stamped with its scheduled time; by how much later it was fired it says in Late, and if that was
// more than half an interval also in Detail. If a whole interval or more was missed because this process did not run, those checks are not made up for: they
// are a gap in the record, and nothing is claimed about that time.
//
// When ctx ends Run waits for the checks under way, at most their time-outs, and reports them too. emit is called by one
// goroutine at a time and never after Run has returned.
func Run(ctx context.Context, c cluster.Cluster, clock clockwork.Clock, start time.Time, probes []Scheduled, emit func(slo.Event)) {
	var mu sync.Mutex
	locked := func(e slo.Event) {
		mu.Lock()
		defer mu.Unlock()
		emit(e)
	}
	var lanes sync.WaitGroup
	for _, p := range probes {
		l := &lane{Scheduled: p, cluster: c, clock: clock, start: start, emit: locked}
		lanes.Go(func() { l.run(ctx) })
	}
	lanes.Wait()
}

// lane is one probe under way.
type lane struct {
	Scheduled
	cluster cluster.Cluster
	clock   clockwork.Clock
	start   time.Time
	emit    func(slo.Event)

	checks sync.WaitGroup
	alive  atomic.Int64 // calls of Check that have not returned, abandoned ones included
}

// slot is one scheduled check.
type slot struct {
	at     time.Duration // scheduled offset from the start
	missed int64         // checks before it that were not made
}

func (l *lane) run(ctx context.Context) {
	defer l.checks.Wait()
	next := int64(0)
	if since := l.clock.Since(l.start); since > 0 {
		next = int64((since + l.Timing.Interval - 1) / l.Timing.Interval)
	}
	for l.sleep(ctx, time.Duration(next)*l.Timing.Interval) {
		due := max(next, int64(l.clock.Since(l.start)/l.Timing.Interval))
		s := slot{at: time.Duration(due) * l.Timing.Interval, missed: due - next}
		l.checks.Go(func() { l.check(ctx, s) })
		next = due + 1
	}
}

// sleep waits until the offset is reached; false means that ctx ended.
func (l *lane) sleep(ctx context.Context, until time.Duration) bool {
	timer := l.clock.NewTimer(until - l.clock.Since(l.start))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.Chan():
		return ctx.Err() == nil
	}
}

// aliveMax is how many calls of Check may be unfinished: as many as overlap by the timing, and as many again that were
// abandoned at their time-out.
func (l *lane) aliveMax() int64 {
	return 2 * (int64((l.Timing.Timeout+l.Timing.Interval-1)/l.Timing.Interval) + 1)
}

func (l *lane) check(ctx context.Context, s slot) {
	late := max(0, l.clock.Since(l.start)-s.at)
	e := slo.Event{At: s.at, Kind: slo.Probe, Name: l.Probe.String(), Late: late, Detail: s.lateness(late, l.Timing.Interval)}
	err := l.ask(ctx, &e)
	e.OK = err == nil
	if err != nil {
		e.Error = short(err.Error(), errorMax)
	}
	l.emit(e)
}

// ask calls the probe and notes how long it took. The probe's context outlives ctx: a check under way is finished.
func (l *lane) ask(ctx context.Context, e *slo.Event) error {
	if n := l.alive.Load(); n >= l.aliveMax() {
		return fmt.Errorf("not asked: %d earlier checks hang beyond their time-out", n)
	}
	over := fmt.Errorf("no answer within %v", l.Timing.Timeout)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	began := l.clock.Now()
	timer := l.clock.NewTimer(l.Timing.Timeout)
	defer timer.Stop()
	result := make(chan error, 1) // an abandoned check must be able to end
	l.alive.Add(1)
	go func() {
		defer l.alive.Add(-1)
		result <- l.Probe.Check(ctx, l.cluster)
	}()
	select {
	case err := <-result:
		if e.Took = l.clock.Since(began); e.Took < l.Timing.Timeout {
			return err
		}
	case <-timer.Chan():
	}
	e.Took = l.Timing.Timeout
	cancel(over)
	select {
	case err := <-result:
		if err != nil && !strings.Contains(err.Error(), over.Error()) {
			return fmt.Errorf("%w: %w", over, err)
		}
		if err != nil {
			return err
		}
	case <-l.clock.After(unwind):
	}
	return over
}

// lateness is what an event says of a check that the scheduler did not fire in time.
func (s slot) lateness(late, interval time.Duration) string {
	if late <= interval/2 && s.missed <= 0 {
		return ""
	}
	text := fmt.Sprintf("fired %v late", late)
	if s.missed > 0 {
		text += fmt.Sprintf(", %d checks before it missed", s.missed)
	}
	return text
}

// short makes a text one line of valid UTF-8 of at most max bytes; lines (of joined errors) are divided by semicolons.
func short(text string, max int) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) <= max {
		return text
	}
	return strings.ToValidUTF8(text[:max-len("…")], "") + "…"
}
