package bench

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

const ms = time.Millisecond

// script is a way that takes these times one after the other; a time of 0 is an error.
func script(clock *clockwork.FakeClock, log *[]string, name string, times ...time.Duration) Way {
	n := 0
	return Way{Name: name, Do: func(context.Context) (time.Duration, []Part, error) {
		took := times[n%len(times)]
		n++
		if log != nil {
			*log = append(*log, name)
		}
		clock.Advance(took + 100*ms) // and what does not count
		if took == 0 {
			return 0, nil, errors.New("kubeadm join: exit status 1\nclient-key-data: CANARY\n\x1b[31m")
		}
		return took, []Part{{"stop", took / 4}, {"restore", took / 2}}, nil
	}}
}

// compared is a comparison of five ways with all that can come of one.
func compared(t *testing.T) Result {
	t.Helper()
	clock := clockwork.NewFakeClockAt(time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC))
	plain := script(clock, nil, "plain kind", 26000*ms, 25500*ms, 27100*ms, 26200*ms, 24900*ms)
	plain.Baseline = true
	golden := script(clock, nil, "golden", 14000*ms, 13900*ms, 14300*ms, 14100*ms, 13000*ms)
	golden.Target.Ratio = 0.5
	rewind := script(clock, nil, "rewind", 8100*ms, 8000*ms, 8300*ms, 7900*ms, 8200*ms)
	rewind.Target.Ratio = 0.35
	pooled := script(clock, nil, "pooled", 400*ms, 0, 450*ms, 380*ms, 420*ms)
	pooled.Target.Within = 2 * time.Second
	r, err := Run(t.Context(), clock, []Way{plain, script(clock, nil, "ours", 25100*ms, 24900*ms, 26000*ms, 25000*ms, 24800*ms), golden, pooled, rewind}, 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Machine = []Fact{{"machine", "2 cores, 24 GiB"}, {"engine", "docker 20.10"}}
	return r
}

func TestEveryWayIsDoneOnceInEveryRound(t *testing.T) {
	clock := clockwork.NewFakeClock()
	var log, said []string
	a := script(clock, &log, "a", time.Second)
	a.Baseline = true
	ways := []Way{a, script(clock, &log, "b", 2*time.Second), script(clock, &log, "c", 3*time.Second)}
	r, err := Run(t.Context(), clock, ways, 4, func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(log, ""); got != "abcbcacab"+"cba" {
		t.Error(got)
	}
	for i, m := range r.Ways {
		if len(m.Samples) != 4 || m.Name != ways[i].Name || m.Baseline != (i == 0) {
			t.Errorf("%+v", m)
		}
		for n, s := range m.Samples {
			if s.Round != n+1 || s.Place < 1 || log[3*n+s.Place-1] != m.Name || s.Took != time.Duration(i+1)*time.Second {
				t.Errorf("%s: %+v", m.Name, s)
			}
		}
	}
	if len(said) != 12 || said[4] != "round 2 of 4: c 3.00 s" || r.Took != 4*(6*time.Second+300*ms) || r.Rounds != 4 {
		t.Errorf("%q %s", said, r.Took)
	}
}

// In no place and after no other way for ever, and balanced in the end.
func TestNoWayIsAlwaysInTheSamePlaceOrAfterTheSameOther(t *testing.T) {
	for n := 2; n <= 9; n++ {
		period := n
		if n%2 == 1 {
			period = 2 * n
		}
		after, place := map[[2]int]int{}, map[[2]int]int{}
		for round := range period {
			list := order(round, n)
			for i, w := range list {
				place[[2]int{w, i}]++
				if i > 0 {
					after[[2]int{list[i-1], w}]++
				}
			}
			if sorted := slices.Sorted(slices.Values(list)); len(slices.Compact(sorted)) != n || sorted[0] != 0 || sorted[n-1] != n-1 {
				t.Fatalf("%d ways, round %d: %v", n, round, list)
			}
			if round == n-1 && len(place) != n*n {
				t.Errorf("%d ways: after as many rounds %d places", n, len(place))
			}
			if round == max(n, 5)-1 && n > 2 {
				for w := range n {
					others := 0
					for other := range n {
						others += min(after[[2]int{other, w}], 1)
					}
					if others < 2 {
						t.Errorf("%d ways: after %d rounds %d has come after %d others", n, round+1, w, others)
					}
				}
			}
			if !reflect.DeepEqual(list, order(round+period, n)) {
				t.Errorf("%d ways: the order does not come again", n)
			}
		}
		if len(after) != n*(n-1) || len(place) != n*n {
			t.Errorf("%d ways: %d neighbours, %d places", n, len(after), len(place))
		}
		for pair, times := range after {
			if times != period/n {
				t.Errorf("%d ways: %v %d times", n, pair, times)
			}
		}
		for at, times := range place {
			if times != period/n {
				t.Errorf("%d ways: %v %d times", n, at, times)
			}
		}
	}
	if order(7, 1)[0] != 0 {
		t.Error("a single way")
	}
}

func TestAnErrorIsKeptAndTheOthersGoOn(t *testing.T) {
	r := compared(t)
	for _, m := range r.Ways {
		if len(m.Samples) != 5 {
			t.Errorf("%s has %d samples", m.Name, len(m.Samples))
		}
	}
	failed := r.Ways[3].Samples[1]
	if failed.Took != 0 || failed.Round != 2 || !strings.HasPrefix(failed.Error, "kubeadm join: exit status 1 client-key-data: ") || strings.Contains(failed.Error, "CANARY") ||
		strings.ContainsAny(failed.Error, "\n\x1b") {
		t.Errorf("%+v", failed)
	}
	w := r.rows()[3]
	if w.complete || len(w.times()) != 4 || w.reached != notKnown || w.ratio.Rounds != 4 {
		t.Errorf("%+v", w)
	}
}

// A way that measures nothing, or more than there was, would be the best or the worst of all.
func TestATimeThatCannotBeIsAnError(t *testing.T) {
	clock := clockwork.NewFakeClock()
	way := func(name string, took, passed time.Duration, err error) Way {
		return Way{Name: name, Baseline: name == "base", Do: func(context.Context) (time.Duration, []Part, error) {
			clock.Advance(passed)
			return took, nil, err
		}}
	}
	r, err := Run(t.Context(), clock, []Way{way("base", time.Second, time.Second, nil), way("none", 0, time.Second, nil), way("negative", -1, time.Second, nil),
		way("more", time.Second+1, time.Second, nil), way("silent", 1, 1, errors.New("\n"))}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, says := range []string{"", "no time (0s)", "no time (-1ns)", "only 1s passed", "without a word"} {
		if got := r.Ways[i].Samples[0].Error; (got == "") != (says == "") || !strings.Contains(got, says) {
			t.Errorf("%s: %q", r.Ways[i].Name, got)
		}
	}
}

func TestWhatEndsTheComparisonLeavesItIncomplete(t *testing.T) {
	clock := clockwork.NewFakeClock()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("somebody asked to stop")
	a := script(clock, nil, "a", time.Second)
	a.Baseline, a.Target.Within = true, time.Minute
	n := 0
	b := Way{Name: "b", Do: func(ctx context.Context) (time.Duration, []Part, error) {
		if n++; n == 2 {
			cancel(stop)
		}
		clock.Advance(time.Second)
		return time.Second, nil, context.Cause(ctx)
	}}
	r, err := Run(ctx, clock, []Way{a, b}, 5, nil)
	if !errors.Is(err, stop) || len(r.Ways[0].Samples) != 1 || len(r.Ways[1].Samples) != 2 || r.Ways[1].Samples[1].Error != stop.Error() {
		t.Errorf("%v %+v", err, r.Ways)
	}
	for _, w := range r.rows() {
		if w.complete || w.reached == met {
			t.Errorf("%+v", w)
		}
	}
	if text := r.Table(); !strings.Contains(text, "a is incomplete: 1 of 5 rounds") || !strings.Contains(text, "b failed in round 2: somebody asked to stop") {
		t.Error(text)
	}
}

func TestWaysThatCannotBeComparedAreRefused(t *testing.T) {
	do := func(context.Context) (time.Duration, []Part, error) { t.Error("it was done"); return 0, nil, nil }
	base := Way{Name: "base", Baseline: true, Do: do}
	for says, ways := range map[string][]Way{
		"0 ways are the baseline":  {{Name: "a", Do: do}},
		"2 ways are the baseline":  {base, {Name: "a", Baseline: true, Do: do}},
		`way "base": every way`:    {base, {Name: "base", Do: do}},
		`way "": every way`:        {base, {Do: do}},
		`way "a\nb": every way`:    {base, {Name: "a\nb", Do: do}},
		"it has no Do":             {base, {Name: "a"}},
		"a target below zero":      {base, {Name: "a", Do: do, Target: Target{Ratio: -1}}},
		"0 rounds":                 {base},
		fmt.Sprintf("%d", nameMax): {base, {Name: strings.Repeat("a", nameMax+1), Do: do}},
	} {
		rounds := 1
		if says == "0 rounds" {
			rounds = 0
		}
		if _, err := Run(t.Context(), clockwork.NewFakeClock(), ways, rounds, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
