package report

import (
	"fmt"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// punctuality says in one line how late nov30 itself was in the judged time of an arm: how many of its wake-ups and checks
// were late, and by how much the latest was. Of a record that does not tell there is none.
func punctuality(r slo.Record) string {
	var wakes, checks lateCount
	from, to := steadyOf(r), endOf(r)
	for _, e := range r.Events {
		switch {
		case e.Kind == slo.Pace && e.Wakes != nil && e.At < to && e.At > from-max(0, e.Took):
			wakes.add(e.Wakes.Due, e.Wakes.Late, e.Late)
		case e.Kind == slo.Probe && e.At >= from && e.At <= to:
			late := 0
			if e.Late >= slo.WakeLate {
				late = 1
			}
			checks.add(1, late, e.Late)
		}
	}
	switch {
	case wakes.all > 0:
		return fmt.Sprintf("nov30 itself: %s, %s.", wakes.words("wake-ups late"), checks.words("checks fired late"))
	case r.Spec.Pace:
		return "Nobody watched whether nov30 itself ran in time."
	}
	return ""
}

// lateCount counts what was due and what of it was late.
type lateCount struct {
	all, late int
	most      time.Duration
}

func (l *lateCount) add(all, late int, most time.Duration) {
	l.all, l.late, l.most = l.all+all, l.late+late, max(l.most, most)
}

func (l *lateCount) words(what string) string {
	share := 0.0
	if l.all > 0 {
		share = 100 * float64(l.late) / float64(l.all)
	}
	return fmt.Sprintf("%d of %d %s (%.1f %%, at most %.1f ms)", l.late, l.all, what, share, 1000*l.most.Seconds())
}
