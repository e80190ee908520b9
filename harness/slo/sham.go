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
	if cut := j.cut(j.after()); j.spec.Cut && j.end()-cut < j.spec.Soak {
		j.doubt("the sham lasted %s of %s after the cut", words(max(0, j.end()-cut)), words(j.spec.Soak))
	}
	j.alarms(j.after(), j.end()+1, "where nothing was injected")
	j.lostWrites()
	if j.spec.Exam {
		j.writesRead()
	}
	j.exam(false)
}
