package slo

import "time"

// gapIntervals is how many intervals may lie between two scheduled checks of a probe before it is a gap.
const gapIntervals = 3

// leastChecks is how many checks a probe needs after the injection, and how many red ones if it must stay red: one alone
// could be chance.
const leastChecks = 2

// ground checks what every arm stands on: all green before the injection, no gap, the host's clock left alone, the fault
// injected, and nothing reverted too early.
func (j *judge) ground() {
	for _, p := range j.spec.Probes {
		j.steady(p)
		j.unbroken(p)
		if n := len(j.from(p, j.after())); n < leastChecks {
			j.doubt("probe %s was checked only %d times after the injection", p.Name, n)
		}
	}
	j.hostClock()
	j.injected()
	j.timeLimit()
	j.punctual()
	for _, e := range j.of(Revert, func(e Event) bool { return e.At < j.end() }) {
		j.doubt("the harness reverted before the end, at %s", j.since(e.At))
		break
	}
}

// steady checks that a probe was green before the injection. What counts are the checks that were answered by then: one
// that was still under way when the injection began may have been struck by it.
func (j *judge) steady(p ProbeSpec) {
	if j.arm == Sham {
		return // all of it is
	}
	n := 0
	for _, c := range j.checks[p.Name] {
		if j.struck(c) {
			continue
		}
		if n++; !c.OK {
			j.doubtBecause(c.Error, "probe "+p.Name+" was red before the injection, at "+j.since(c.At))
			return
		}
	}
	if n == 0 {
		j.doubt("probe %s was not checked before the injection", p.Name)
	}
}

// struck says whether a check can have been struck by the injection: it was scheduled after the injection began, or was
// not yet answered then.
func (j *judge) struck(c Event) bool { return c.At >= j.after() || c.At+c.Took > j.after() }

// unbroken checks that no more than three intervals lie between two scheduled checks, from the start of the steady phase
// to the end. A check can take as long as its time-out, so one scheduled within the time-out of the end may still be
// unanswered: the last moment at which a check is expected is the end less the time-out.
func (j *judge) unbroken(p ProbeSpec) {
	limit := gapIntervals * p.Interval
	last := j.phase[PhaseSteady]
	expected := max(last, j.end()-p.Timeout)
	for _, c := range j.checks[p.Name] {
		if min(c.At, expected)-last > limit {
			j.doubt("probe gap: %s was not checked for %s from %s on", p.Name, words(c.At-last), j.since(last))
			return
		}
		last = c.At
	}
	if expected-last > limit {
		j.doubt("probe gap: %s was not checked after %s", p.Name, j.since(last))
	}
}

// from lists the checks of a probe that were scheduled at or after a moment.
func (j *judge) from(p ProbeSpec, at time.Duration) []Event {
	checks := j.checks[p.Name]
	for i, c := range checks {
		if c.At >= at {
			return checks[i:]
		}
	}
	return nil
}

func (j *judge) hostClock() {
	found := j.of(HostClock, every)
	if len(found) == 0 {
		j.doubt("the host's clock was not compared")
	}
	for _, e := range found {
		if !e.OK {
			j.doubtBecause(e.Error, "the host's clock was moved")
		}
	}
}

func (j *judge) injected() {
	found := j.of(Fault, every)
	switch {
	case j.arm == Sham && len(found) > 0:
		j.doubt("a fault was injected")
	case j.arm != Sham && len(found) == 0:
		j.doubt("no fault was injected")
	}
	for _, e := range found {
		j.mark("fault injected", e.At, e.Name)
		if !e.OK {
			j.doubtBecause(e.Error, "injection of "+clip(e.Name)+" failed")
		}
		if e.At < j.after() || e.At > j.end() {
			j.doubt("%s was injected outside of its phase, at %s", clip(e.Name), j.since(e.At))
		}
	}
}

// brokenReverts names the inverses that could not be completed, at any time.
func (j *judge) brokenReverts() []string {
	var reasons []string
	for _, e := range j.rec.Events {
		if e.Kind == Revert && !e.OK {
			reasons = append(reasons, because("revert incomplete: "+clip(e.Name), e.Error))
		}
	}
	return reasons
}

func (j *judge) revertIncomplete() bool { return len(j.brokenReverts()) > 0 }
