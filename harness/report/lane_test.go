package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// checks is a record from 0 to 20 s whose probe api was checked at these seconds; a negative one was red.
func checks(at ...float64) (slo.Record, slo.ProbeSpec) {
	p := slo.ProbeSpec{Name: "api", Interval: s, Timeout: 2 * s}
	r := slo.Record{Spec: slo.Spec{Probes: []slo.ProbeSpec{p}}, Events: []slo.Event{phase(slo.PhaseSteady, 0), phase(slo.PhaseEnd, 20*s)}}
	for _, sec := range at {
		e := slo.Event{Kind: slo.Probe, Name: "api", At: time.Duration(math.Abs(sec) * float64(s)), OK: sec >= 0}
		if !e.OK {
			e.Error, e.Took = "refused", 500*ms
		}
		r.Events = append(r.Events, e)
	}
	return r, p
}

func sketch(r slo.Record, p slo.ProbeSpec) string {
	var parts []string
	for _, x := range lane(r, p, windowOf(r)) {
		parts = append(parts, fmt.Sprintf("%s %g-%g", x.shade, x.from, x.to))
	}
	return strings.Join(parts, ", ")
}

func TestALaneIsGreenOnlyWhereSomebodyLooked(t *testing.T) {
	every := func(from, to int, sign float64) (list []float64) {
		for i := from; i < to; i++ {
			list = append(list, sign*float64(i))
		}
		return list
	}
	for _, tt := range []struct {
		name string
		at   []float64
		want string
	}{
		{"always", every(0, 20, 1), "green 0-20"},
		{"never", nil, "unchecked 0-20"},
		{"one gap", append(every(0, 5, 1), every(12, 20, 1)...), "green 0-5, unchecked 5-12, green 12-20"},
		{"three intervals are no gap", append(every(0, 5, 1), every(7, 20, 1)...), "green 0-20"},
		{"not to the end", every(0, 10, 1), "green 0-10, unchecked 10-20"},
		{"not from the start", every(5, 20, 1), "unchecked 0-5, green 5-20"},
		{"an outage", append(append(every(0, 5, 1), every(5, 9, -1)...), every(9, 20, 1)...), "green 0-5, red 5-9, green 9-20"},
		{"one red at the very end", append(every(0, 20, 1), -20), "green 0-20, red 20-20"},
		{"out of order", []float64{2, 1, 0, -3, 4, 6, 8, 10, 12, 14, 16, 18}, "green 0-3, red 3-4, green 4-20"},
	} {
		if got := sketch(checks(tt.at...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestARedCheckLastsAsLongAsItWasWaitedFor(t *testing.T) {
	r, p := checks(0, 1, -2)
	r.Events[len(r.Events)-1].Took = 9 * s
	if got := sketch(r, p); got != "green 0-2, red 2-11, unchecked 11-20" {
		t.Error(got)
	}
	list := lane(r, p, windowOf(r))
	if got := list[1].words(); got != "red from +2.0 s to +11.0 s, 1 checks: refused" {
		t.Error(got)
	}
	if got := tell(list); got != "red from +2.0 s to +11.0 s, 1 checks; not checked from +11.0 s to +20.0 s" {
		t.Error(got)
	}
}

func TestWhatIsStillUnansweredAtTheEndIsToldAsSuch(t *testing.T) {
	r, p := checks(0, 1, 2)
	p.Interval, p.Timeout = 5*s, 30*s
	list := lane(r, p, windowOf(r))
	if last := list[len(list)-1]; last.shade != unchecked || last.says != "no answer by the end" {
		t.Errorf("%+v", list)
	}
}

func TestALaneThatFlapsWithoutEndIsCutShortAsUnchecked(t *testing.T) {
	r, p := checks()
	for i := range 3 * stretchesMax {
		r.Events = append(r.Events, slo.Event{Kind: slo.Probe, Name: "api", At: time.Duration(i) * 5 * ms, OK: i%2 == 0})
	}
	list := lane(r, p, windowOf(r))
	if last := list[len(list)-1]; len(list) != stretchesMax || last.shade != unchecked || last.to != 20 {
		t.Errorf("%d stretches, the last %+v", len(list), last)
	}
}

func TestTimesFromOutsideDoNotLeaveThePicture(t *testing.T) {
	for _, at := range []time.Duration{math.MinInt64, -1, 0, math.MaxInt64} {
		r := slo.Record{Arm: slo.Treated, Spec: slo.Spec{Probes: []slo.ProbeSpec{{Name: "api", Interval: at, Timeout: at}}}, Events: []slo.Event{
			phase(slo.PhaseSteady, -at), phase(slo.PhaseInject, at), {Kind: slo.Probe, Name: "api", At: at, Took: at}, {Kind: slo.Probe, Name: "api", At: 5, OK: true, Took: at}}}
		v := slo.Verdict{Arms: map[slo.Arm]slo.ArmVerdict{slo.Treated: {Timeline: []slo.Mark{{Name: "bite", AtS: 1e308}, {Name: "bite", AtS: -1e308}}}}}
		line := newTimeline("x", v, r)
		for _, l := range line.Lanes {
			for _, b := range l.Blocks {
				inside(t, b.X, b.Width)
			}
		}
		for _, m := range line.Moments {
			inside(t, m.X, "0%")
		}
		for _, b := range line.Bands {
			inside(t, b.X, b.Width)
		}
		if len(line.Ticks) > 10 {
			t.Errorf("%d ticks", len(line.Ticks))
		}
	}
}

func inside(t *testing.T, x, width string) {
	t.Helper()
	var from, wide float64
	if _, err := fmt.Sscanf(x+" "+width, "%f%% %f%%", &from, &wide); err != nil || from < 0 || wide < 0 || from+wide > 100.02 {
		t.Errorf("from %s, %s wide: %v", x, width, err)
	}
}

func TestTheTextsOfMomentsDoNotMeet(t *testing.T) {
	var marks []slo.Mark
	for i := range 12 {
		marks = append(marks, slo.Mark{Name: "recovery started", AtS: float64(i*i) / 2})
	}
	list, rows := place(append(marks, slo.Mark{Name: "turned red"}), window{-5, 61})
	if len(list) != 12 || rows < 4 {
		t.Fatalf("%d moments in %d rows", len(list), rows)
	}
	for i, a := range list {
		if a.from < -35 || a.to > 135 {
			t.Errorf("%s takes up %g to %g", a.Text, a.from, a.to)
		}
		for _, b := range list[:i] {
			if a.Row == b.Row && a.from <= b.to && b.from <= a.to {
				t.Errorf("%s and %s meet", a.Text, b.Text)
			}
		}
	}
	if list, _ := place(make([]slo.Mark, 100), window{0, 1}); len(list) != drawnMax {
		t.Errorf("%d moments", len(list))
	}
}

func TestTheAxisCountsFromTheInjection(t *testing.T) {
	for want, w := range map[string]window{
		"0 +10 +20 +30 +40": {-6, 46}, "0 +1 +2 +3": {0, 3.5}, "-5 0 +5 +10 +15 +20": {-6, 21}, "0 +300 +600 +900 +1200 +1500": {-6, 1700},
	} {
		var got []string
		for _, x := range ticks(w) {
			got = append(got, x.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %s, want %s", w, strings.Join(got, " "), want)
		}
	}
}
