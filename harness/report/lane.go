package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// gapIntervals is how many intervals may lie between two scheduled checks before it is a gap, as verdicts have it.
const gapIntervals = 3

// shade is how a stretch of a probe's lane looks.
type shade string

const (
	green     shade = "green"
	red       shade = "red"
	unchecked shade = "unchecked" // nobody looked: never drawn as green
)

// stretchesMax is how many stretches of one lane are drawn; what follows is drawn as unchecked.
const stretchesMax = 1000

// window is what is drawn of an arm, in seconds since its origin.
type window struct{ from, to float64 }

// windowOf is the judged time of an arm; of one that was broken off, as far as it got.
func windowOf(r slo.Record) window {
	w := window{since(r, steadyOf(r)), since(r, endOf(r))}
	if w.to <= w.from {
		w.to = w.from + 1
	}
	return w
}

// since is a moment in seconds since the origin. In floating point no time from outside can overflow.
func since(r slo.Record, at time.Duration) float64 { return at.Seconds() - origin(r).Seconds() }

func (w window) clamp(at float64) float64 { return min(max(at, w.from), w.to) }

// stretch is a time in which every check of a probe ended alike, or in which there was none.
type stretch struct {
	shade    shade
	from, to float64
	checks   int
	says     string // the first error
}

// lane is what a probe saw: the result of a check lasts from its schedule to that of the next one, but not over a gap.
func lane(r slo.Record, p slo.ProbeSpec, w window) []stretch {
	start := origin(r).Seconds()
	var checks []slo.Event
	for _, e := range r.Events {
		if e.Kind == slo.Probe && e.Name == p.Name && e.At.Seconds()-start <= w.to {
			checks = append(checks, e)
		}
	}
	slices.SortStableFunc(checks, func(a, b slo.Event) int { return cmp.Compare(a.At, b.At) })
	l := drawn{window: w, at: w.from}
	for i, c := range checks {
		at, next := c.At.Seconds()-start, w.to
		if i+1 < len(checks) {
			next = checks[i+1].At.Seconds() - start
		}
		lasts := next
		if next-at > gapIntervals*p.Interval.Seconds() {
			lasts = at + p.Interval.Seconds()
			if !c.OK {
				lasts = max(lasts, at+c.Took.Seconds()) // it was waited for
			}
		}
		l.draw(shadeOf(c), at, min(lasts, next), c)
	}
	l.draw(unchecked, w.to, w.to, slo.Event{Error: unanswered(w.to-l.at, p)})
	return l.list
}

// unanswered says why there is no check at the end of an arm: one may be under way for as long as its time-out.
func unanswered(rest float64, p slo.ProbeSpec) string {
	if rest > p.Interval.Seconds()+p.Timeout.Seconds() {
		return ""
	}
	return "no answer by the end"
}

func shadeOf(c slo.Event) shade {
	if c.OK {
		return green
	}
	return red
}

// drawn is a lane under construction, filled up to a moment.
type drawn struct {
	window
	at   float64
	list []stretch
}

// draw adds a result from one moment to another; what lies before it is unchecked.
func (l *drawn) draw(s shade, from, to float64, c slo.Event) {
	from, to = l.clamp(from), l.clamp(to)
	before := stretch{shade: unchecked, from: l.at, to: from}
	if s == unchecked {
		before.says = c.Error
	}
	l.add(before)
	if s != unchecked {
		from = max(l.at, from)
		l.add(stretch{shade: s, from: from, to: max(from, to), checks: 1, says: c.Error})
	}
}

func (l *drawn) add(s stretch) {
	if s.to <= s.from && (s.shade != red || s.to <= l.window.from) {
		return // a red check is drawn even where it has no length
	}
	l.at = max(l.at, s.to)
	last := len(l.list) - 1
	switch {
	case last >= 0 && l.list[last].shade == s.shade:
		l.list[last].to = max(l.list[last].to, s.to)
		l.list[last].checks += s.checks
		l.list[last].says = or(l.list[last].says, s.says)
	case len(l.list) == stretchesMax:
		l.list[last] = stretch{shade: unchecked, from: l.list[last].from, to: s.to, says: "too many changes to be drawn"}
	default:
		l.list = append(l.list, s)
	}
}
