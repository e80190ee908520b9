package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/slo"
)

// scripted is a probe whose checks do what the test says; each call is announced.
type scripted struct {
	called chan int // the number of the call
	check  func(ctx context.Context, call int) error

	mu    sync.Mutex
	calls int
}

func (*scripted) String() string { return "scripted" }

func (p *scripted) Check(ctx context.Context, _ cluster.Cluster) error {
	p.mu.Lock()
	p.calls++
	n := p.calls
	p.mu.Unlock()
	p.called <- n
	return p.check(ctx, n)
}

// bench runs one scripted probe, every second with a time-out of three, on a fake clock.
type bench struct {
	t      *testing.T
	clock  *clockwork.FakeClock
	probe  *scripted
	events chan slo.Event
	stop   context.CancelFunc
	done   chan struct{}
}

func newBench(t *testing.T, startedAgo time.Duration, check func(context.Context, int) error) *bench {
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{
		t: t, clock: clockwork.NewFakeClock(), stop: cancel, done: make(chan struct{}),
		probe:  &scripted{called: make(chan int, 1000), check: check},
		events: make(chan slo.Event, 1000),
	}
	start := b.clock.Now()
	b.clock.Advance(startedAgo)
	probes := []Scheduled{{b.probe, Timing{time.Second, 3 * time.Second}}}
	go func() {
		defer close(b.done)
		Run(ctx, nil, b.clock, start, probes, func(e slo.Event) { b.events <- e })
	}()
	return b
}

// waiters waits until n timers are set, so that an advance of the clock is seen by all of them.
func (b *bench) waiters(n int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Second)
	defer cancel()
	if err := b.clock.BlockUntilContext(ctx, n); err != nil {
		b.t.Fatalf("there are not %d timers: %v", n, err)
	}
}

func (b *bench) event() slo.Event {
	b.t.Helper()
	select {
	case e := <-b.events:
		return e
	case <-time.After(5 * time.Second):
		b.t.Fatal("no event")
	}
	return slo.Event{}
}

// end stops the run and returns the events that it still had to report.
func (b *bench) end() []slo.Event {
	b.t.Helper()
	b.stop()
	select {
	case <-b.done:
	case <-time.After(5 * time.Second):
		b.t.Fatal("Run does not return")
	}
	close(b.events)
	var rest []slo.Event
	for e := range b.events {
		rest = append(rest, e)
	}
	return rest
}

func healthyCheck(context.Context, int) error { return nil }

func TestChecksFireAtTheirOffsets(t *testing.T) {
	b := newBench(t, 0, func(_ context.Context, n int) error {
		if n == 2 {
			return errors.New("down\nand out")
		}
		return nil
	})
	for i, want := range []slo.Event{
		{At: 0, Kind: slo.Probe, Name: "scripted", OK: true},
		{At: time.Second, Kind: slo.Probe, Name: "scripted", Error: "down; and out"},
		{At: 2 * time.Second, Kind: slo.Probe, Name: "scripted", OK: true},
	} {
		if got := b.event(); got != want {
			t.Fatalf("event %d: %+v, want %+v", i, got, want)
		}
		b.waiters(1)
		b.clock.Advance(time.Second)
	}
	<-b.probe.called
	b.end()
}

func TestARunThatBeginsLaterKeepsTheRaster(t *testing.T) {
	b := newBench(t, 2500*time.Millisecond, healthyCheck)
	b.waiters(1)
	b.clock.Advance(500 * time.Millisecond)
	if e := b.event(); e.At != 3*time.Second || e.Detail != "" {
		t.Fatalf("first event %+v, want it at 3s", e)
	}
	b.end()
}

func TestASlowCheckDoesNotHoldUpTheNext(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, 0, func(_ context.Context, n int) error {
		if n == 1 {
			<-release
		}
		return nil
	})
	<-b.probe.called
	b.waiters(2) // the next slot and the time-out of the first
	b.clock.Advance(time.Second)
	if e := b.event(); e.At != time.Second || !e.OK {
		t.Fatalf("second check: %+v", e)
	}
	b.clock.Advance(500 * time.Millisecond)
	close(release)
	if e := b.event(); e.At != 0 || !e.OK || e.Took != 1500*time.Millisecond {
		t.Fatalf("first check: %+v", e)
	}
	b.end()
}

func TestAHungCheckIsRedAtItsTimeOutEvenIfItIgnoresItsContext(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, 0, func(context.Context, int) error { <-release; return nil })
	defer close(release)
	b.stopAfterFirst()
	b.clock.Advance(3 * time.Second)
	b.waiters(1) // the time to unwind
	b.clock.Advance(unwind)
	<-b.done
	rest := b.end()
	if len(rest) != 1 || rest[0].OK || rest[0].Took != 3*time.Second || rest[0].Error != "no answer within 3s" {
		t.Fatalf("got %+v", rest)
	}
}

// stopAfterFirst ends the run while its first check is under way; the timers are then the check's own.
func (b *bench) stopAfterFirst() {
	<-b.probe.called
	b.waiters(2)
	b.stop()
}

func TestACheckThatHeedsItsContextSaysWhereItStood(t *testing.T) {
	b := newBench(t, 0, func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return fmt.Errorf("pod s: not scheduled (%w)", context.Cause(ctx))
	})
	b.stopAfterFirst()
	b.clock.Advance(3 * time.Second)
	<-b.done
	if rest := b.end(); len(rest) != 1 || rest[0].Error != "pod s: not scheduled (no answer within 3s)" || rest[0].Took != 3*time.Second {
		t.Fatalf("got %+v", rest)
	}
}

func TestACheckUnderWayAtTheEndIsFinishedAndReported(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, 0, func(ctx context.Context, _ int) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	b.stopAfterFirst()
	close(release)
	if rest := b.end(); len(rest) != 1 || !rest[0].OK {
		t.Fatalf("got %+v", rest)
	}
}

func TestALateCheckSaysSoAndMissedOnesAreAGap(t *testing.T) {
	b := newBench(t, 0, healthyCheck)
	b.event()
	b.waiters(1)
	b.clock.Advance(1400 * time.Millisecond)
	if e := b.event(); e.At != time.Second || e.Detail != "" || e.Late != 400*ms {
		t.Fatalf("0.4 intervals late: %+v", e)
	}
	b.waiters(1)
	b.clock.Advance(1300 * time.Millisecond) // at 2.7
	if e := b.event(); e.At != 2*time.Second || e.Detail != "fired 700ms late" || e.Late != 700*ms {
		t.Fatalf("0.7 intervals late: %+v", e)
	}
	b.waiters(1)
	b.clock.Advance(7500 * time.Millisecond) // at 10.2
	if e := b.event(); e.At != 10*time.Second || e.Detail != "fired 200ms late, 7 checks before it missed" || e.Late != 200*ms {
		t.Fatalf("after a stall: %+v", e)
	}
	if rest := b.end(); len(rest) != 0 {
		t.Fatalf("missed checks were made up for: %+v", rest)
	}
}

func TestChecksThatNeverReturnDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &scripted{called: make(chan int, 1000), check: func(context.Context, int) error { <-release; return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		clock, notAsked, events := clockwork.NewRealClock(), 0, 0
		Run(ctx, nil, clock, clock.Now(), []Scheduled{{p, Timing{time.Second, 3 * time.Second}}}, func(e slo.Event) {
			events++
			if e.OK {
				t.Errorf("a hung check is green: %+v", e)
			}
			if strings.HasPrefix(e.Error, "not asked: 8 earlier checks hang") {
				notAsked++
			}
		})
		close(release)
		if n := len(p.called); n != 8 || events < 60 || notAsked != events-8 {
			t.Errorf("%d calls, %d events, %d not asked", n, events, notAsked)
		}
	})
}

func TestShortIsOneValidLine(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb":                   "a; b",
		" a\t b\xff ":            "a b?",
		strings.Repeat("ü", 300): strings.Repeat("ü", 148) + "…",
	} {
		if got := short(in, errorMax); got != want || len(got) > errorMax {
			t.Errorf("short(%.10q…) = %q (%d bytes)", in, got, len(got))
		}
	}
}
