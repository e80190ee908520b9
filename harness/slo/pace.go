package slo

import "time"

// What the pacemaker beside the probes does, as records of version 3 have it.
const (
	// PaceEvery is how often it wants to wake.
	PaceEvery = 50 * time.Millisecond
	// WakeLate is from when on a wake-up or a check counts as late. Measured on two cores that run two clusters: the usual
	// wake-up is 1 ms late, and in an arm none was by more than 17 ms.
	WakeLate = 20 * time.Millisecond
)

// paced says whether an event can be a stretch of wake-ups: its numbers agree with each other.
func (e Event) paced() bool {
	w := e.Wakes
	return w != nil && w.Due > 0 && e.Took/PaceEvery == time.Duration(w.Due) && e.Took%PaceEvery == 0 &&
		w.Late >= 0 && w.Late <= w.Due && (w.Late > 0) == (e.Late >= WakeLate) && e.OK == (w.Late == 0)
}

// stretches are the stretches of wake-ups that have a part in (from, to], by time. whole says that they follow each other from
// before from to to without a hole, which begins at hole otherwise. The last wake-up can lie PaceEvery before the end.
func (j *judge) stretches(from, to time.Duration) (list []Event, hole time.Duration, whole bool) {
	until := from
	for _, e := range j.pace {
		if e.At+e.Took <= from || e.At >= to {
			continue
		}
		list = append(list, e)
		if e.At > until {
			return list, until, false
		}
		until = max(until, e.At+e.Took)
	}
	return list, until, until >= to-PaceEvery
}

// tally is what stretches of wake-ups come to.
type tally struct {
	due, late int
	worst     Event
}

func sum(stretches []Event) (t tally) {
	for _, e := range stretches {
		t.due += e.Wakes.Due
		t.late += e.Wakes.Late
		if e.Late > t.worst.Late {
			t.worst = e
		}
	}
	return t
}
