package slo

import (
	"slices"
	"strings"
	"time"
)

// untreated checks that the fault did what the scenario expects. It never fails a tool: there is none.
func (j *judge) untreated() {
	if len(j.of(Finding, every)) > 0 || len(j.of(ToolEvent, every)) > 0 {
		j.doubt("a tool ran")
	}
	j.mark("hold ended", j.end(), "")
	for _, p := range j.spec.Probes {
		if !p.Red {
			j.staysGreen(p)
		}
	}
	switch j.spec.Expect.Kind {
	case Outage:
		j.symptom()
		j.outage()
	case ExpectWarn:
		j.symptom()
	case ExpectHeals:
		j.heals()
	}
}

// staysGreen checks that the injection did not strike a probe that it must not strike.
func (j *judge) staysGreen(p ProbeSpec) {
	if red, ok := j.firstRed(p); ok {
		j.doubtBecause(red.Error, "probe "+p.Name+" turned red unexpectedly, at "+j.since(red.At))
	}
}

// firstRed is the first red check of a probe that the injection can have struck.
func (j *judge) firstRed(p ProbeSpec) (Event, bool) {
	for _, c := range j.checks[p.Name] {
		if !c.OK && j.struck(c) {
			return c, true
		}
	}
	return Event{}, false
}

// bite is when the first probe that must turn red did so: the schedule of its check, but never before the injection.
func (j *judge) bite() (time.Duration, bool) {
	var at time.Duration
	var name string
	for _, p := range j.spec.Probes {
		if !p.Red {
			continue
		}
		if red, ok := j.firstRed(p); ok {
			if t := max(red.At, j.after()); name == "" || t < at {
				at, name = t, p.Name
			}
		}
	}
	if name == "" {
		j.doubt("no bite: no named probe turned red")
		return 0, false
	}
	j.mark("bite", at, "probe "+name)
	return at, true
}

// symptom checks that the symptom was seen, and only after the injection.
func (j *judge) symptom() {
	seen := false
	for _, e := range j.of(Symptom, func(e Event) bool { return e.OK && e.At <= j.end() }) {
		if e.At < j.after() {
			j.doubt("the symptom was there before the injection")
			return
		}
		if !seen {
			j.mark("symptom", e.At, j.spec.Symptom)
		}
		seen = true
	}
	if !seen {
		j.doubt("symptom not seen: %s", clip(j.spec.Symptom))
	}
}

// outage checks that every named probe turned red and stayed red to the end of the hold. A green check counts against it
// when it was scheduled after the first red one and answered after the hold began: before that the injection is not whole.
func (j *judge) outage() {
	if _, ok := j.bite(); !ok {
		return
	}
	for _, p := range j.spec.Probes {
		if p.Red {
			j.staysRed(p)
		}
	}
}

func (j *judge) staysRed(p ProbeSpec) {
	first, ok := j.firstRed(p)
	if !ok {
		j.doubt("probe %s stayed green", p.Name)
		return
	}
	j.mark("turned red", first.At, "probe "+p.Name)
	checks, reds := j.from(p, first.At), 0
	for _, c := range checks {
		if !c.OK {
			reds++
			continue
		}
		if c.At+c.Took <= j.phase[PhaseHold] {
			continue
		}
		if checks[len(checks)-1].OK {
			j.doubt("healed by itself at %s: probe %s", j.since(c.At), p.Name)
		} else {
			j.doubt("probe %s was green again at %s, before the end of the hold", p.Name, j.since(c.At))
		}
		return
	}
	if reds < leastChecks {
		j.doubt("the hold is too short: probe %s has only %d red checks", p.Name, reds)
	}
	j.says(p)
}

// says checks that a probe was red for the reason the scenario gives, in the hold.
func (j *judge) says(p ProbeSpec) {
	if p.Says == "" {
		return
	}
	said := func(c Event) bool { return !c.OK && strings.Contains(c.Error, p.Says) }
	if !slices.ContainsFunc(j.from(p, j.phase[PhaseHold]), said) {
		j.doubt("probe %s was red but never said %q", p.Name, clip(p.Says))
	}
}

// heals checks that every named probe turned red and was green again in time, to the end.
func (j *judge) heals() {
	bite, ok := j.bite()
	if !ok {
		return
	}
	for _, p := range j.spec.Probes {
		if !p.Red {
			continue
		}
		if _, ok := j.firstRed(p); !ok {
			j.doubt("probe %s stayed green", p.Name)
			continue
		}
		green, n := j.greenAgain(p, 0)
		switch {
		case n < leastChecks:
			j.doubt("probe %s did not heal before the end", p.Name)
		case green-bite > j.spec.Expect.Within:
			j.doubt("probe %s healed %s after the bite, expected within %s", p.Name, words(green-bite), words(j.spec.Expect.Within))
		default:
			j.mark("green again", green, "probe "+p.Name)
		}
	}
}

// greenAgain is the moment from which a probe was green to the end: the earliest answer among the checks that were
// scheduled at or after a moment and after the last red one. n is how many checks those are.
func (j *judge) greenAgain(p ProbeSpec, since time.Duration) (at time.Duration, n int) {
	lastRed := time.Duration(-1)
	for _, c := range j.checks[p.Name] {
		if !c.OK {
			lastRed = c.At
		}
	}
	for _, c := range j.checks[p.Name] {
		if c.At <= lastRed || c.At < since {
			continue
		}
		if answered := c.At + c.Took; n == 0 || answered < at {
			at = answered
		}
		n++
	}
	return at, n
}
