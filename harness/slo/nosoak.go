package slo

import "strings"

// noSoak says why an arm has no soak. The soak begins when the recover command has ended well and every probe was checked
// green after that; where the tool did not get that far in time the failure is its own. Otherwise the harness lost it.
func (j *judge) noSoak(exit *Event) {
	if exit == nil || !exit.OK {
		return // a failure already: the recovery never started, could not be started, failed, or did not end
	}
	red, unchecked := j.notGreenAfter(*exit)
	if len(red) > 0 {
		j.fail("not recovered: probe %s was red after the recovery command had ended at %s", strings.Join(red, ", "), j.since(exit.At))
	}
	if len(unchecked) > 0 {
		j.fail("the recovery did not end in time: it ended at %s, %s before the end of the arm, and probe %s was not seen green after that",
			j.since(exit.At), words(j.end()-exit.At), strings.Join(unchecked, ", "))
	}
	if len(red)+len(unchecked) == 0 {
		j.doubt("the record has no phase %s", PhaseSoak)
	}
}

// notGreenAfter names the probes whose last answered check since the recover command's end was red, and those that had no
// answer since. A check that was answered after the end could not begin the soak.
func (j *judge) notGreenAfter(exit Event) (red, unchecked []string) {
	for _, p := range j.spec.Probes {
		answered, ok := 0, false
		for _, c := range j.from(p, exit.At) {
			if c.At+c.Took <= j.end() {
				answered, ok = answered+1, c.OK
			}
		}
		switch {
		case answered == 0:
			unchecked = append(unchecked, p.Name)
		case !ok:
			red = append(red, p.Name)
		}
	}
	return red, unchecked
}
