package slo

// sham judges a tool where nothing is wrong: every probe must be green all the time, and the tool must not alarm.
func (j *judge) sham() {
	j.toolRan()
	for _, p := range j.spec.Probes {
		for _, c := range j.checks[p.Name] {
			if !c.OK {
				j.doubtBecause(c.Error, "sham not green: probe "+p.Name+" red at "+j.since(c.At))
				break
			}
		}
	}
	j.cut(j.after())
	j.alarms(j.after(), j.end()+1, "where nothing was injected")
}
