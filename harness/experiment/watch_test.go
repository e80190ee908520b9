package experiment

import (
	"slices"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

func TestAProbeIsGreenByItsLastCheckAtOrAfterTheOffset(t *testing.T) {
	const s = time.Second
	check := func(name string, at time.Duration, ok bool) slo.Event {
		return slo.Event{Kind: slo.Probe, Name: name, At: at, OK: ok}
	}
	green := func(at time.Duration) []slo.Event {
		return []slo.Event{check("api", at, true), check("site", at, true)}
	}
	for name, c := range map[string]struct {
		events []slo.Event
		since  time.Duration
		red    []string
	}{
		"nothing seen":                         {nil, 0, []string{"api", "site"}},
		"one seen":                             {green(s)[:1], 0, []string{"site"}},
		"green at the very start":              {green(0), 0, nil},
		"green":                                {green(3 * s), 0, nil},
		"green at the offset":                  {green(3 * s), 3 * s, nil},
		"green only before the offset":         {green(3 * s), 3*s + 1, []string{"api", "site"}},
		"red only":                             {append(green(s)[1:], check("api", s, false)), 0, []string{"api"}},
		"red after green":                      {append(green(s), check("api", 2*s, false)), 0, []string{"api"}},
		"green after red":                      {append(green(s), check("api", 2*s, false), check("api", 3*s, true)), 0, nil},
		"an old red one that ends late":        {append(green(3*s), check("api", 2*s, false)), 0, nil},
		"an old green one that ends late":      {append(green(s), check("api", 3*s, false), check("api", 2*s, true)), 0, []string{"api"}},
		"a probe that nobody asked for":        {append(green(s), check("ping", 2*s, false)), 0, nil},
		"another kind of event of that name":   {append(green(s), slo.Event{Kind: slo.Fault, Name: "api", At: 2 * s}), 0, nil},
		"another kind of event is not a check": {append(green(s)[1:], slo.Event{Kind: slo.Revert, Name: "api", At: s, OK: true}), 0, []string{"api"}},
	} {
		w := newWatch([]slo.ProbeSpec{{Name: "api"}, {Name: "site"}})
		for _, e := range c.events {
			w.see(e)
		}
		got := w.notGreen(c.since, always)
		slices.Sort(got)
		if !slices.Equal(got, c.red) {
			t.Errorf("%s: not green: %v, want %v", name, got, c.red)
		}
	}
}

func TestAProbeThatFlapsIsNotGreenUntilItHasBeenQuiet(t *testing.T) {
	const s = time.Second
	w := newWatch([]slo.ProbeSpec{{Name: "site"}})
	for at, ok := range map[time.Duration]bool{1 * s: true, 2 * s: false, 3 * s: true} {
		w.see(slo.Event{Kind: slo.Probe, Name: "site", At: at, OK: ok})
	}
	if len(w.notGreen(s, 2*s)) == 0 || len(w.notGreen(s, s)) == 0 {
		t.Error("red within the quiet time, yet green")
	}
	if red := w.notGreen(s, 2*s+1); len(red) != 0 {
		t.Errorf("quiet since its last red check, yet %v", red)
	}
}
