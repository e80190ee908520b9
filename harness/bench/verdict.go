package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is a way with all that is said of it.
type row struct {
	Measured
	spread   spread
	measured bool // there is at least one sample
	complete bool // there is one for every round that was asked for
	ratio    ratio
	compared bool // it is not the baseline, and has a round with it
	reached  reached
}

// reached says whether a target was met.
type reached string

const (
	noTarget reached = ""
	met      reached = "met"
	notMet   reached = "not met"
	notKnown reached = "not known" // the way or the baseline has no time for every round
)

// rows computes everything that is said of the ways, in their order.
func (r Result) rows() []row {
	var base Measured
	for _, m := range r.Ways {
		if m.Baseline {
			base = m
		}
	}
	var rows []row
	for _, m := range r.Ways {
		m = m.shown()
		w := row{Measured: m, complete: r.Rounds > 0 && len(m.times()) >= r.Rounds}
		w.spread, w.measured = m.spread()
		if !m.Baseline {
			w.ratio, w.compared = m.ratio(base)
		}
		w.reached = w.reach(r.Rounds)
		rows = append(rows, w)
	}
	return rows
}

// shown is a way whose texts are fit for a terminal and a page.
func (m Measured) shown() Measured {
	m.Name, m.Samples = oneLine(m.Name, nameMax), slices.Clone(m.Samples)
	for i := range m.Samples {
		s := &m.Samples[i]
		s.Error, s.Parts = oneLine(s.Error, errorMax), slices.Clone(s.Parts)
		for j := range s.Parts {
			s.Parts[j].Name = oneLine(s.Parts[j].Name, nameMax)
		}
	}
	return m
}

// reach compares a way with its target. It takes every round: the samples that are missing may be the bad ones.
func (w row) reach(rounds int) reached {
	t := w.Target
	switch {
	case t == Target{}:
		return noTarget
	case !w.complete || t.Ratio > 0 && (!w.compared || w.ratio.Rounds < rounds):
		return notKnown
	case t.Ratio > 0 && w.ratio.OfMedians > t.Ratio, t.Within > 0 && w.spread.Median > t.Within:
		return notMet
	}
	return met
}

// words writes a target.
func (t Target) words() string {
	var bounds []string
	if t.Ratio > 0 {
		bounds = append(bounds, fmt.Sprintf("≤ %g ×", t.Ratio))
	}
	if t.Within > 0 {
		bounds = append(bounds, fmt.Sprintf("≤ %g s", t.Within.Seconds()))
	}
	return strings.Join(bounds, ", ")
}

// target writes a target and whether it was met.
func (w row) target() string {
	if w.reached == noTarget {
		return none
	}
	return w.Target.words() + ": " + string(w.reached)
}

// troubles are what went wrong with a way, a line each.
func (w row) troubles(rounds int) []string {
	var lines []string
	if !w.complete {
		lines = append(lines, fmt.Sprintf("%s is incomplete: %d of %d rounds have a time", w.Name, len(w.times()), rounds))
	}
	for _, s := range w.Samples {
		if s.Error != "" {
			lines = append(lines, fmt.Sprintf("%s failed in round %d: %s", w.Name, s.Round, s.Error))
		}
	}
	return lines
}

// none stands for a number that there is not.
const none = "–"

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func or(s, otherwise string) string { return cmp.Or(s, otherwise) }
