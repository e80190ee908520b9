package slo

import "time"

// recovered checks that every probe was green again after an outage, and through the soak. Where it was not, the writes
// need not have been read back: they could not be.
func (j *judge) recovered(bite time.Duration, start, exit *Event) {
	if j.relapsed() || j.redToTheEnd() {
		return
	}
	at := bite
	for _, p := range j.spec.Probes {
		if _, red := j.firstRed(p); !red {
			continue
		}
		green, _ := j.greenAgain(p, j.after())
		at = max(at, green)
	}
	_, soaking := j.phase[PhaseSoak]
	left := j.end() - at
	if !soaking && left < j.spec.Soak {
		j.fail("not recovered: green again only at %s, %s before the end, the soak takes %s", j.since(at), words(left), words(j.spec.Soak))
		return
	}
	j.mark("recovered", at, "")
	if start != nil && at < start.At && j.spec.Expect.Kind == Outage {
		j.doubt("healed by itself: green again at %s, before the recovery started", j.since(at))
	}
	if !j.soaked(at, exit) {
		return
	}
	j.quietAgain()
	took := at - bite
	j.measured.recover, j.measured.between[Recover] = &took, [2]time.Duration{bite, at}
	j.timeHeal(start)
	j.writesRead()
}

// quietAfter is how long into the soak a detector may go on about what has been repaired.
const quietAfter = 15 * time.Second

// quietAgain fails the tool for alarms while everything is green and stays so: a detector that latches, or cries at
// everything, is right once.
func (j *judge) quietAgain() {
	j.alarms(j.phase[PhaseSoak]+quietAfter, j.end()+1, "after everything was green again")
}

// relapsed checks for a red check that was scheduled in the soak.
func (j *judge) relapsed() bool {
	soak, ok := j.phase[PhaseSoak]
	if !ok {
		return false
	}
	first, name := Event{}, ""
	for _, p := range j.spec.Probes {
		for _, c := range j.from(p, soak) {
			if !c.OK && (name == "" || c.At < first.At) {
				first, name = c, p.Name
			}
		}
	}
	if name == "" {
		return false
	}
	j.mark("relapse", first.At, "probe "+name)
	j.failBecause(first.Error, "relapse: probe "+name+" red again at "+j.since(first.At)+", "+words(first.At-soak)+" into the soak")
	return true
}

// redToTheEnd checks for probes without a green check after their last red one.
func (j *judge) redToTheEnd() bool {
	found := false
	for _, p := range j.spec.Probes {
		red, ok := j.firstRed(p)
		if !ok {
			continue
		}
		if _, n := j.greenAgain(p, j.after()); n == 0 {
			found = true
			j.failBecause(red.Error, "not recovered: probe "+p.Name+" red since "+j.since(red.At)+" and at the end")
		}
	}
	return found
}

// soaked checks that the soak was long enough and that every probe was checked in it. It counts from the recovery, or
// from the cut of connections in it.
func (j *judge) soaked(from time.Duration, exit *Event) bool {
	before := len(j.doubts)
	soak, ok := j.phase[PhaseSoak]
	if !ok {
		j.noSoak(exit)
		return false
	}
	from = max(from, j.cut(soak))
	if lasted := j.end() - from; lasted < j.spec.Soak {
		j.doubt("the soak lasted %s of %s", words(max(0, lasted)), words(j.spec.Soak))
	}
	for _, p := range j.spec.Probes {
		if len(j.from(p, from)) == 0 {
			j.doubt("probe %s was not checked in the soak", p.Name)
		}
	}
	j.mark("soak ended", j.end(), "")
	return len(j.doubts) == before
}

// cut checks that the connections were cut from a moment on where the scenario says so, and that no cut failed. It returns
// when they were last cut.
func (j *judge) cut(from time.Duration) (last time.Duration) {
	cuts := j.of(Cut, func(e Event) bool { return e.At >= from && e.At <= j.end() })
	if j.spec.Cut && len(cuts) == 0 {
		j.doubt("the connections were not cut in the soak")
	}
	for _, e := range cuts {
		if !e.OK {
			j.doubtBecause(e.Error, "the connections were not cut in the soak")
		}
		j.mark("connections cut", e.At, "")
		last = e.At
	}
	return last
}

// prevented checks a repair before any outage: nothing turned red, through the soak, which counts from the end of the
// recover command.
func (j *judge) prevented(start, exit *Event) {
	if j.noRed("the outage was not prevented") || exit == nil || !exit.OK {
		return
	}
	if !j.soaked(exit.At, exit) {
		return
	}
	j.quietAgain()
	recover, heal := time.Duration(0), exit.At-start.At
	j.measured.recover, j.measured.heal = &recover, &heal
	j.measured.between[Heal] = [2]time.Duration{start.At, exit.At}
	j.writesRead()
}

// noRed fails the tool for every probe that turned red.
func (j *judge) noRed(why string) (red bool) {
	for _, p := range j.spec.Probes {
		if c, ok := j.firstRed(p); ok {
			red = true
			j.failBecause(c.Error, "probe "+p.Name+" turned red at "+j.since(c.At)+", "+why)
		}
	}
	return red
}

// timeHeal times the API's first answer that lasted, from the start of the recover command.
func (j *judge) timeHeal(start *Event) {
	if start == nil {
		return
	}
	for _, p := range j.spec.Probes {
		if p.Name != APIProbe {
			continue
		}
		if green, n := j.greenAgain(p, start.At); n > 0 {
			took := green - start.At
			j.measured.heal, j.measured.between[Heal] = &took, [2]time.Duration{start.At, green}
		}
	}
}
