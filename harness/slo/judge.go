package slo

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// judge weighs one arm. Whatever is found becomes a failure of the tool or a doubt about the measurement.
type judge struct {
	arm    Arm
	spec   Spec
	rec    Record
	events []Event                  // by time, then in the order of the record
	phase  map[string]time.Duration // when each phase began
	origin time.Duration            // what offsets are relative to
	checks map[string][]Event       // by probe, scheduled in the judged window, by schedule
	pace   []Event                  // the stretches of wake-ups, by time
	ignore map[int64]bool           // checks that are left out, by number

	judged      bool // the arm was weighed to the end; without it there is no pass
	doubts      []string
	fails       []string
	marks       []Mark
	falseAlarms int
	changes     []ChangeResult
	measured    measured
}

// measured is what the treated arm measured; nil is not measured.
type measured struct {
	detect, recover, heal *time.Duration
	culprit               string
	wrong                 []string
	between               map[Metric][2]time.Duration // the moments that a time lies between
}

// judgeArm weighs one arm. With a spec that is at fault it only says so. What hangs on checks that turned red while nov30
// itself did not run in time is not judged.
func judgeArm(arm Arm, rec Record, s Spec, specOK bool) *judge {
	j := weigh(arm, rec, s, specOK, nil)
	if suspects := j.suspects(); len(suspects) > 0 {
		return j.without(suspects, weigh(arm, rec, s, specOK, suspects))
	}
	return j
}

// weigh weighs an arm as if the ignored checks had not been made.
func weigh(arm Arm, rec Record, s Spec, specOK bool, ignore map[int64]bool) *judge {
	j := &judge{arm: arm, spec: s, rec: rec, ignore: ignore}
	j.measured.wrong, j.measured.between = []string{}, map[Metric][2]time.Duration{}
	if !specOK || !j.readable() || !j.phased() {
		return j
	}
	j.collect()
	j.ground()
	switch arm {
	case Untreated:
		j.untreated()
	case Treated:
		j.treated()
	case Sham:
		j.sham()
	}
	j.judged = true
	return j
}

func (j *judge) doubt(format string, args ...any) {
	j.doubts = append(j.doubts, fmt.Sprintf(format, args...))
}

func (j *judge) fail(format string, args ...any) {
	j.fails = append(j.fails, fmt.Sprintf(format, args...))
}

func (j *judge) doubtBecause(err, reason string) { j.doubts = append(j.doubts, because(reason, err)) }

func (j *judge) failBecause(err, reason string) { j.fails = append(j.fails, because(reason, err)) }

func (j *judge) mark(name string, at time.Duration, detail string) {
	j.marks = append(j.marks, Mark{Name: name, AtS: inSeconds(at - j.origin), Detail: clip(detail)})
}

// since writes a moment of the arm relative to the injection.
func (j *judge) since(at time.Duration) string { return offset(at - j.origin) }

// after is the moment from which on the fault counts; in the sham arm, which has none, it is the first judged moment.
func (j *judge) after() time.Duration { return j.origin }

func (j *judge) end() time.Duration { return j.phase[PhaseEnd] }

// verdict states the arm's judgement: a doubt outweighs a failure, and success has to be stated.
func (j *judge) verdict() ArmVerdict {
	v := ArmVerdict{State: Pass, Reasons: []string{}, Timeline: []Mark{}}
	switch {
	case !j.judged || len(j.doubts) > 0:
		v.State = Inconclusive
	case len(j.fails) > 0:
		v.State = Fail
	}
	v.Reasons = append(append(v.Reasons, j.doubts...), j.fails...)
	v.Reasons = append(v.Reasons, j.brokenReverts()...)
	v.Timeline = append(v.Timeline, j.marks...)
	slices.SortStableFunc(v.Timeline, func(a, b Mark) int { return cmp.Compare(a.AtS, b.AtS) })
	return v
}

// collect sorts the events by time and the checks by probe.
func (j *judge) collect() {
	j.origin = j.phase[PhaseSteady]
	if at, ok := j.phase[PhaseInject]; ok {
		j.origin = at
		j.mark("injected", at, "")
	}
	j.events = slices.Clone(j.rec.Events)
	slices.SortStableFunc(j.events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	j.checks = map[string][]Event{}
	for _, e := range j.events {
		if e.Kind == Pace {
			j.pace = append(j.pace, e)
		}
		if e.Kind == Probe && e.At >= j.phase[PhaseSteady] && e.At <= j.end() && !j.ignore[e.Seq] {
			j.checks[e.Name] = append(j.checks[e.Name], e)
		}
	}
}

// of lists the events of a kind that match, by time.
func (j *judge) of(k Kind, match func(Event) bool) []Event {
	var found []Event
	for _, e := range j.events {
		if e.Kind == k && match(e) {
			found = append(found, e)
		}
	}
	return found
}

func every(Event) bool { return true }

func named(name string) func(Event) bool { return func(e Event) bool { return e.Name == name } }
