package probe

import (
	"context"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/slo"
)

// paceSpan is how long a stretch of wake-ups is that makes one event.
const paceSpan = time.Second

// RunPaced is Run with a pacemaker beside it, from before the first check to after the last answer. emit is called by one
// goroutine at a time for the checks, and by another for the wake-ups: it must be safe for that.
func RunPaced(ctx context.Context, c cluster.Cluster, clock clockwork.Clock, start time.Time, probes []Scheduled, emit func(slo.Event)) {
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		Pace(beside, clock, start, emit)
	}()
	Run(ctx, c, clock, start, probes, emit)
	stop()
	<-done
}

// Pace wants to wake every slo.PaceEvery from start on (from now on, where start is past) until ctx ends, and says with one
// event a second whether it did: how many wake-ups were due, how many of them were late, and by how much the latest was. The
// stretches of its events follow each other without a hole. A check shows only how late it was fired; that this process did not
// run while the check waited for its answer shows here alone.
//
// A wake-up that came after the next ones were due stands for those, too: each of them was late. A stretch goes on until this
// process runs again, so after a long stall one event tells of all of it.
func Pace(ctx context.Context, clock clockwork.Clock, start time.Time, emit func(slo.Event)) {
	p := newPacemaker(max(0, clock.Since(start)))
	defer func() {
		if p.wakes.Due > 0 {
			emit(p.event())
		}
	}()
	for {
		timer := clock.NewTimer(p.next - clock.Since(start))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.Chan():
		}
		if p.wake(clock.Since(start)) {
			emit(p.event())
			p.begin()
		}
	}
}

// pacemaker is a stretch of wake-ups under way. Times are offsets from the start.
type pacemaker struct {
	from, next time.Duration // where the stretch begins; when the next wake-up is due
	wakes      slo.Wakes
	worst      time.Duration
}

func newPacemaker(now time.Duration) *pacemaker {
	from := now.Truncate(slo.PaceEvery)
	return &pacemaker{from: from, next: from + slo.PaceEvery}
}

// wake counts every wake-up that was due by now; it says whether the stretch is over.
func (p *pacemaker) wake(now time.Duration) bool {
	late := now - p.next
	if late < 0 {
		return false // a timer that fired early: it is not due yet
	}
	p.worst = max(p.worst, late)
	due := 1 + int(late/slo.PaceEvery)
	p.wakes.Due += due
	if late >= slo.WakeLate {
		p.wakes.Late += 1 + int((late-slo.WakeLate)/slo.PaceEvery)
	}
	last := p.next + time.Duration(due-1)*slo.PaceEvery
	p.next = last + slo.PaceEvery
	return last/paceSpan > p.from/paceSpan
}

// event is the stretch up to the last wake-up that was due.
func (p *pacemaker) event() slo.Event {
	wakes := p.wakes
	return slo.Event{At: p.from, Kind: slo.Pace, OK: wakes.Late == 0, Took: p.next - slo.PaceEvery - p.from, Late: p.worst, Wakes: &wakes}
}

// begin begins the next stretch where this one ends.
func (p *pacemaker) begin() {
	*p = *newPacemaker(p.next - slo.PaceEvery)
}
