package probe

import (
	"context"
	"math/rand"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

// paceBench is a pacemaker on a fake clock.
type paceBench struct {
	*bench
	start time.Time
}

func newPaceBench(t *testing.T, startedAgo time.Duration) *paceBench {
	ctx, cancel := context.WithCancel(t.Context())
	clock := clockwork.NewFakeClock()
	b := &paceBench{&bench{t: t, clock: clock, stop: cancel, done: make(chan struct{}), events: make(chan slo.Event, 1000)}, clock.Now()}
	clock.Advance(startedAgo)
	go func() {
		defer close(b.done)
		Pace(ctx, clock, b.start, func(e slo.Event) { b.events <- e })
	}()
	return b
}

// wakeAt lets the pacemaker run at an offset from the start.
func (b *paceBench) wakeAt(at time.Duration) {
	b.t.Helper()
	b.waiters(1)
	b.clock.Advance(b.start.Add(at).Sub(b.clock.Now()))
}

// inTime lets it run when it wants to, up to an offset.
func (b *paceBench) inTime(to time.Duration) {
	b.t.Helper()
	for at := b.clock.Since(b.start).Truncate(slo.PaceEvery) + slo.PaceEvery; at <= to; at += slo.PaceEvery {
		b.wakeAt(at)
	}
}

func pace(at, took, worst time.Duration, due, late int) slo.Event {
	return slo.Event{At: at, Kind: slo.Pace, OK: late == 0, Took: took, Late: worst, Wakes: &slo.Wakes{Due: due, Late: late}}
}

func (b *paceBench) want(want ...slo.Event) {
	b.t.Helper()
	for _, w := range want {
		if got := b.event(); !reflect.DeepEqual(got, w) {
			b.t.Fatalf("%+v %+v, want %+v %+v", got, got.Wakes, w, w.Wakes)
		}
	}
}

const ms = time.Millisecond

func TestAPacemakerThatRunsInTimeSaysSoOnceASecond(t *testing.T) {
	b := newPaceBench(t, 0)
	b.inTime(2 * time.Second)
	b.want(pace(0, time.Second, 0, 20, 0), pace(time.Second, time.Second, 0, 20, 0))
	b.waiters(1)
	if rest := b.end(); len(rest) != 0 {
		t.Errorf("wake-ups that were not due: %+v", rest)
	}
}

func TestALateWakeUpIsCountedWithItsLateness(t *testing.T) {
	b := newPaceBench(t, 0)
	b.inTime(300 * ms)
	b.wakeAt(350*ms + slo.WakeLate - 1) // not yet late
	b.inTime(600 * ms)
	b.wakeAt(650*ms + slo.WakeLate)
	b.inTime(time.Second)
	b.want(pace(0, time.Second, slo.WakeLate, 20, 1))
	b.end()
}

// Nothing is made up for: the wake-ups that were due in a stall were late, each by less than the one before it.
func TestAStallIsOneEventThatTellsOfAllOfIt(t *testing.T) {
	b := newPaceBench(t, 0)
	b.inTime(500 * ms)
	b.wakeAt(3719 * ms) // 0.55 was due, 3.169 s ago, and after it 63 more; the last one, 3.7, is not late
	b.want(pace(0, 3700*ms, 3169*ms, 74, 63))
	b.inTime(4 * time.Second)
	b.want(pace(3700*ms, 300*ms, 0, 6, 0))
	b.end()
}

func TestAPacemakerThatBeginsLaterKeepsTheRaster(t *testing.T) {
	b := newPaceBench(t, 2520*ms)
	b.inTime(3 * time.Second)
	b.want(pace(2500*ms, 500*ms, 0, 10, 0))
	b.end()
}

func TestTheLastStretchIsWrittenAtTheEnd(t *testing.T) {
	b := newPaceBench(t, 0)
	b.inTime(1200 * ms)
	b.waiters(1)
	b.want(pace(0, time.Second, 0, 20, 0))
	if rest := b.end(); len(rest) != 1 || !reflect.DeepEqual(rest[0], pace(time.Second, 200*ms, 0, 4, 0)) {
		t.Errorf("%+v", rest)
	}
}

// However late it wakes, its stretches follow each other without a hole, count every wake-up once, and agree with themselves.
func TestStretchesHaveNoHoleHoweverLateItWakes(t *testing.T) {
	r := rand.New(rand.NewSource(20191130))
	p, now, until, stalls := newPacemaker(0), time.Duration(0), time.Duration(0), 0
	for range 20000 {
		now = max(now, p.next)
		if r.Intn(20) == 0 {
			now += time.Duration(r.Int63n(int64(5 * time.Second)))
			stalls++
		}
		late := now - p.next
		if !p.wake(now) {
			continue
		}
		e := p.event()
		if e.At != until || e.Took != time.Duration(e.Wakes.Due)*slo.PaceEvery || e.Late < late || e.At+e.Took > now || now-e.At-e.Took >= slo.PaceEvery {
			t.Fatalf("at %s after %s: %+v %+v", now, until, e, e.Wakes)
		}
		if (e.Wakes.Late > 0) != (e.Late >= slo.WakeLate) || e.OK != (e.Wakes.Late == 0) || e.Wakes.Late > e.Wakes.Due {
			t.Fatalf("it contradicts itself: %+v %+v", e, e.Wakes)
		}
		until = e.At + e.Took
		p.begin()
	}
	if stalls < 100 {
		t.Errorf("only %d stalls", stalls)
	}
}

// The pacemaker goes on until the last check has its answer: that is when it may be needed most.
func TestThePacemakerOutlivesTheLastCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &scripted{called: make(chan int, 1000), check: func(ctx context.Context, n int) error {
			if n == 5 {
				<-ctx.Done()
			}
			return nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 4500*ms)
		defer cancel()
		clock, start := clockwork.NewRealClock(), time.Now()
		events := make(chan slo.Event, 1000)
		RunPaced(ctx, nil, clock, start, []Scheduled{{p, Timing{time.Second, 3 * time.Second}}}, func(e slo.Event) { events <- e })
		close(events)
		last, until := time.Duration(0), time.Duration(0)
		for e := range events {
			switch {
			case e.Kind == slo.Probe:
				last = max(last, e.At+e.Took)
			case e.At != until:
				t.Errorf("a hole from %s to %s", until, e.At)
			default:
				until = e.At + e.Took
			}
		}
		if last != 7*time.Second || until < last-slo.PaceEvery {
			t.Errorf("the last answer came at %s, the pacemaker ended at %s", last, until)
		}
	})
}
