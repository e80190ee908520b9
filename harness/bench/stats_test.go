package bench

import (
	"math"
	"slices"
	"testing"
	"time"
)

// of is a way with a sample for every time; 0 is a round without one.
func of(name string, times ...time.Duration) Measured {
	m := Measured{Name: name, Baseline: name == "base"}
	for i, took := range times {
		s := Sample{Round: i + 1, Took: took}
		if took == 0 {
			s.Error = "failed"
		}
		m.Samples = append(m.Samples, s)
	}
	return m
}

func TestTheSpreadOfSamples(t *testing.T) {
	for name, tt := range map[string]struct {
		m    Measured
		want spread
	}{
		"odd":               {of("x", 9, 1, 5), spread{5, 1, 9, 4}},
		"even":              {of("x", 4, 10, 2, 8), spread{6, 2, 10, 3}},
		"one":               {of("x", 7), spread{7, 7, 7, 0}},
		"an outlier":        {of("x", 10, 11, 12, 13, 1000), spread{12, 10, 1000, 1}},
		"failed ones count": {of("x", 0, 3, 0, 5, 7), spread{5, 3, 7, 2}}, // as nothing, not as 0
	} {
		if got, ok := tt.m.spread(); !ok || got != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, ok := of("x", 0, 0).spread(); ok {
		t.Error("a spread of nothing")
	}
}

func TestTheRatioComparesWithinRounds(t *testing.T) {
	base := of("base", 100, 200, 0, 400, 500)
	got, ok := of("x", 50, 50, 50, 0, 100).ratio(base) // rounds 1, 2 and 5
	if want := (ratio{OfMedians: 0.25, Low: 0.2, High: 0.5, Confidence: 0.75, Rounds: 3}); !ok || got != want {
		t.Errorf("%+v", got)
	}
	if got, ok := of("x", 0, 0, 5).ratio(base); ok {
		t.Errorf("of no common round: %+v", got)
	}
	// A machine that becomes slower in the middle moves both: the ratio stays.
	if got, _ := of("x", 10, 10, 20, 20, 20).ratio(of("base", 20, 20, 40, 40, 40)); got.Low != 0.5 || got.High != 0.5 || got.OfMedians != 0.5 {
		t.Errorf("%+v", got)
	}
}

// The confidences are those of the tables for the median, to a tenth of a percent.
func TestTheRangeEnclosesTheMedianWithTheConfidenceItSays(t *testing.T) {
	for n, want := range map[int]struct {
		out     int
		percent float64
	}{1: {0, 0}, 2: {0, 50}, 3: {0, 75}, 5: {0, 93.8}, 6: {0, 96.9}, 8: {0, 99.2}, 9: {1, 96.1}, 12: {2, 96.1}, 15: {3, 96.5}, 17: {4, 95.1}, 20: {5, 95.9}} {
		out, confidence := enclosing(n)
		if out != want.out || math.Abs(100*confidence-want.percent) > 0.051 {
			t.Errorf("%d: %d left out, %.2f %%", n, out, 100*confidence)
		}
	}
	var own, base []time.Duration
	for i := range 9 {
		own, base = append(own, time.Duration(i+1)), append(base, 10)
	}
	if got, _ := of("x", own...).ratio(of("base", base...)); got.Low != 0.2 || got.High != 0.8 {
		t.Errorf("%+v", got)
	}
}

func TestATargetIsMetOnlyByEveryRound(t *testing.T) {
	base := of("base", 100, 100, 100)
	for name, tt := range map[string]struct {
		times  []time.Duration
		target Target
		rounds int
		want   reached
	}{
		"no target":             {[]time.Duration{1, 1, 1}, Target{}, 3, noTarget},
		"met exactly":           {[]time.Duration{35, 35, 99}, Target{Ratio: 0.35}, 3, met},
		"not met":               {[]time.Duration{36, 36, 1}, Target{Ratio: 0.35}, 3, notMet},
		"met in seconds":        {[]time.Duration{36, 36, 1}, Target{Within: 36}, 3, met},
		"not met in seconds":    {[]time.Duration{36, 36, 1}, Target{Within: 35}, 3, notMet},
		"one of two":            {[]time.Duration{30, 30, 30}, Target{Ratio: 0.35, Within: 29}, 3, notMet},
		"both":                  {[]time.Duration{30, 30, 30}, Target{Ratio: 0.35, Within: 30}, 3, met},
		"a round is missing":    {[]time.Duration{30, 0, 30}, Target{Ratio: 0.35}, 3, notKnown},
		"the baseline's, too":   {[]time.Duration{30, 30, 30, 30}, Target{Ratio: 0.35}, 4, notKnown},
		"which it may not need": {[]time.Duration{30, 30, 30, 30}, Target{Within: 35}, 4, met},
		"nothing":               {nil, Target{Within: 35}, 3, notKnown},
		"nothing was asked for": {nil, Target{Within: 35}, 0, notKnown},
	} {
		m := of("x", tt.times...)
		m.Target = tt.target
		r := Result{Rounds: tt.rounds, Ways: []Measured{m, base}}
		if got := r.rows()[0].reached; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestPartsHaveTheirOwnMedians(t *testing.T) {
	m := of("x", 10, 20, 0, 40)
	m.Samples[0].Parts = []Part{{"a", 1}, {"b", 5}}
	m.Samples[1].Parts = []Part{{"c", 2}, {"a", 3}}
	m.Samples[2].Parts = []Part{{"a", 1000}} // of a round that failed
	m.Samples[3].Parts = []Part{{"a", 8}}
	got := m.parts()
	names := []string{}
	for _, p := range got {
		names = append(names, p.name)
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) || got[0].median() != 3 || len(got[0].all) != 3 || got[1].median() != 5 || got[2].median() != 2 {
		t.Errorf("%+v", got)
	}
}
