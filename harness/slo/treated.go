package slo

import (
	"slices"
	"time"
)

// treated judges the tool: what it named, whether everything was green again and stayed so, and how long that took.
func (j *judge) treated() {
	j.toolRan()
	j.alarms(j.phase[PhaseSteady], j.after(), "before the injection")
	j.lostWrites()
	if j.spec.Culprit == "" {
		j.leftAlone()
		j.exam(false)
		return
	}
	from := j.origin
	if j.spec.expectsRed() {
		bite, ok := j.bite()
		if !ok {
			return
		}
		from = bite
	}
	j.detection(from)
	if j.spec.DetectOnly {
		j.onlyDetected()
		return
	}
	start, exit := j.recovery()
	if j.spec.expectsRed() {
		j.recovered(from, start, exit)
	} else {
		j.prevented(start, exit)
	}
	j.exam(len(j.fails) == 0)
	j.objectives()
}

// onlyDetected judges a tool that was only asked what is wrong: nothing else may be blamed, before or after.
func (j *judge) onlyDetected() {
	if len(j.of(ToolEvent, named(RecoverStart))) > 0 {
		j.doubt("the recovery was started although only the detection was asked for")
	}
	for _, p := range j.spec.Probes {
		if checks := j.checks[p.Name]; p.Red && len(checks) > 0 && checks[len(checks)-1].OK {
			j.doubt("healed without a recovery: probe %s is green at the end", p.Name)
		}
	}
	if len(j.fails) == 0 && len(j.measured.wrong) > 0 {
		j.fail("named %s beside the right culprit", listed(j.measured.wrong))
	}
	j.objectives()
}

func (j *judge) lostWrites() {
	for _, w := range j.of(Writes, func(e Event) bool { return !e.OK && e.Name != WritesUnreadable }) {
		j.failBecause(w.Error, "acknowledged writes lost")
	}
}

// toolRan checks that the detector was there to see the fault. A silent detector that never ran proves nothing.
func (j *judge) toolRan() {
	starts := j.of(ToolEvent, named(DetectStart))
	switch {
	case len(starts) == 0:
		j.doubt("the detector was not started")
	case j.arm != Sham && starts[0].At >= j.after():
		j.doubt("the detector was not started before the injection")
	}
	for _, e := range starts {
		if !e.OK {
			j.failBecause(e.Error, "the detector could not be started")
		}
	}
	for _, e := range j.of(ToolEvent, named(DetectExit)) {
		switch {
		case e.At > j.end():
		case !e.OK:
			j.failBecause(e.Error, "the detector failed at "+j.since(e.At))
		case j.arm == Sham || j.spec.Culprit == "":
			j.fail("the detector ended at %s: it watched only in part", j.since(e.At))
		}
	}
}

func critical(e Event) bool { return e.Finding.Severity == Critical }

// alarms fails the tool for critical findings from one moment to before another, when there is nothing to find.
func (j *judge) alarms(from, to time.Duration, where string) {
	found := j.of(Finding, func(e Event) bool { return critical(e) && e.At >= from && e.At < to })
	if len(found) == 0 {
		return
	}
	j.falseAlarms += len(found)
	j.fail("%d false alarms %s, the first at %s: %s", len(found), where, j.since(found[0].At), clip(found[0].Finding.Culprit))
}

// leftAlone judges a scenario in which there is nothing to find.
func (j *judge) leftAlone() {
	j.alarms(j.after(), j.end()+1, "where there is nothing to find")
	j.noRed("although nothing was to be repaired")
	j.writesRead()
}

// detection finds the first critical finding that names the culprit and times it from the bite (or the injection). One
// that came before the bite took no time. A wrong culprit named before it fails the tool: who blames everything is right
// sooner or later. One named after it, but before the recovery started, is only recorded.
func (j *judge) detection(from time.Duration) {
	right := append([]string{j.spec.Culprit}, j.spec.Also...)
	var before []string
	named, recovering := false, false
	for _, e := range j.events {
		recovering = recovering || e.Kind == ToolEvent && e.Name == RecoverStart && e.At >= j.after()
		if e.Kind != Finding || !critical(e) || e.At < j.after() || e.At > j.end() {
			continue
		}
		culprit := clip(e.Finding.Culprit)
		if j.measured.culprit == "" {
			j.measured.culprit = culprit
		}
		switch isRight := slices.Contains(right, e.Finding.Culprit); {
		case isRight && !named:
			took := max(0, e.At-from)
			j.measured.detect, named, before = &took, true, slices.Clone(j.measured.wrong)
			j.measured.between[Detect] = [2]time.Duration{from, e.At}
			j.mark("detected", e.At, e.Finding.Culprit)
		case !isRight && !(named && recovering) && !slices.Contains(j.measured.wrong, culprit):
			j.measured.wrong = append(j.measured.wrong, culprit)
		}
	}
	switch {
	case len(before) > 0:
		j.fail("named %s before the right culprit", listed(before))
	case !named && len(j.measured.wrong) > 0:
		j.fail("named %s, not %s", j.measured.wrong[0], j.spec.Culprit)
	case !named:
		j.fail("nothing detected: no critical finding after the injection, expected %s", j.spec.Culprit)
	}
}

// recovery checks what the tool said of its own recovery. nil is an event that is not there; no exit is without a start.
func (j *judge) recovery() (start, exit *Event) {
	in := func(name string) []Event {
		return j.of(ToolEvent, func(e Event) bool { return e.Name == name && e.At >= j.after() && e.At <= j.end() })
	}
	starts, exits := in(RecoverStart), in(RecoverExit)
	if len(starts) == 0 {
		j.fail("recovery never started")
		return nil, nil
	}
	start = &starts[0]
	j.mark("recovery started", start.At, "")
	if !start.OK {
		j.failBecause(start.Error, "the recovery command could not be started")
		return start, nil
	}
	for _, e := range exits {
		exit = &e
		if !e.OK {
			j.failBecause(e.Error, "recovery command failed at "+j.since(e.At))
		}
	}
	if exit == nil {
		j.fail("the recovery command did not end before the arm did")
		return start, nil
	}
	j.mark("recovery ended", exit.At, "")
	return start, exit
}

// writesRead checks that somebody looked whether the acknowledged writes are still there.
func (j *judge) writesRead() {
	if len(j.of(Writes, func(e Event) bool { return e.Name != WritesUnreadable })) > 0 {
		return
	}
	err := ""
	for _, e := range j.of(Writes, every) {
		err = e.Error
	}
	j.doubtBecause(err, "the acknowledged writes were not read back")
}
