package slo

import "time"

func (m measured) of(metric Metric) *time.Duration {
	switch metric {
	case Detect:
		return m.detect
	case Recover:
		return m.recover
	case Heal:
		return m.heal
	}
	return nil
}

// results compares what was measured with the bounds. A time that was not measured is never OK.
func (m measured) results(objectives []Objective) []ObjectiveResult {
	results := []ObjectiveResult{}
	for _, o := range objectives {
		took := m.of(o.Metric)
		results = append(results, ObjectiveResult{
			Metric: o.Metric, MaxS: inSeconds(o.Max), MeasuredS: seconds(took),
			OK: took != nil && *took <= o.Max,
		})
	}
	return results
}

// objectives fails the tool for every bound that was exceeded. A time that was not measured is explained by another
// reason already, or is a reason of its own. One that is nearer to its bound than nov30 itself was late is on neither side.
func (j *judge) objectives() {
	explained := len(j.fails)+len(j.doubts) > 0
	for _, o := range j.spec.Objectives {
		took, slack := j.measured.of(o.Metric), j.slack(o.Metric)
		switch {
		case took == nil && !explained:
			j.doubt("objective %s could not be measured", o.Metric)
		case took != nil && *took-slack <= o.Max && *took+slack > o.Max:
			j.overload("%s %s cannot be told from its bound %s, because nov30 itself ran %s late in that time", o.Metric, words(*took),
				words(o.Max), words(slack))
		case took != nil && *took > o.Max:
			j.fail("%s %s > %s by %s", o.Metric, words(*took), words(o.Max), words(*took-o.Max))
		}
	}
}
