package report

import (
	"math"

	"github.com/nov30/nov30/harness/slo"
)

// RecordParts cuts the time of an arm, from its first check to the end of the judged time, into the parts that its record
// tells. They follow each other without a gap, so their sum is that time. A part that there was not is left out; one that
// was over as it began, as the detection of a tool that knew before the bite, took 0 s. Bite and detection are the moments
// that the verdict counts from: the two cannot disagree. It is pure.
func RecordParts(r slo.Record) []Timing {
	p := &pieces{record: r}
	at := partEnds(r)
	over, whole := at[slo.PhaseEnd]
	acts, begun := first(at, slo.PhaseInject, slo.PhaseSoak, slo.PhaseEnd)
	_, steady := at[slo.PhaseSteady]
	if !steady || !begun {
		return p.to(PartVain, lastOf(r))
	}
	p.to(PartSteady, acts)
	if !whole {
		return p.to(PartVain, lastOf(r))
	}
	if _, injected := at[slo.PhaseInject]; injected {
		p.injected(at, over)
	} else if _, soaks := at[slo.PhaseSoak]; soaks {
		p.to(PartSoak, over)
	}
	return p.list
}

// pieces is a record that is cut into parts, as far as it has been.
type pieces struct {
	record slo.Record
	at     float64 // seconds since the start of the arm
	list   []Timing
}

// to ends a part; one that would end before it began takes no time.
func (p *pieces) to(part string, end float64) []Timing {
	if part == PartVain && end <= p.at {
		return p.list // nobody waited
	}
	p.list = append(p.list, Timing{p.record.Scenario, string(p.record.Arm), part, milliseconds(max(0, end-p.at))})
	p.at = max(p.at, end)
	return p.list
}

// injected cuts what lies behind the injection.
func (p *pieces) injected(at map[string]float64, over float64) {
	for _, m := range []struct{ mark, part string }{{markBite, PartBite}, {markDetected, PartDetect}} {
		if end, ok := at[m.mark]; ok {
			p.to(m.part, end)
		}
	}
	soak, repaired := at[slo.PhaseSoak]
	s := p.record.Spec
	switch {
	case repaired:
		p.to(PartRepair, soak)
		p.to(PartSoak, over)
	case p.record.Arm == slo.Untreated || s.DetectOnly || s.Culprit == "":
		p.to(PartHold, over)
	default:
		p.to(PartVain, over)
	}
}

// The moments of a verdict that parts end with.
const (
	markBite     = "bite"
	markDetected = "detected"
)

// partEnds are when the phases of an arm began, and its bite and detection, in seconds since its start.
func partEnds(r slo.Record) map[string]float64 {
	at := map[string]float64{}
	for _, e := range r.Events {
		if _, twice := at[e.Name]; e.Kind == slo.Phase && !twice {
			at[e.Name] = e.At.Seconds()
		}
	}
	injected, ok := at[slo.PhaseInject]
	if !ok {
		return at
	}
	v := slo.Evaluate(map[slo.Arm]slo.Record{r.Arm: r}, r.Spec)
	for _, m := range v.Arms[r.Arm].Timeline {
		if _, twice := at[m.Name]; !twice && (m.Name == markBite || m.Name == markDetected) {
			at[m.Name] = injected + m.AtS
		}
	}
	return at
}

// first is the first of these moments that there is, in the order of their names.
func first(at map[string]float64, names ...string) (float64, bool) {
	for _, name := range names {
		if moment, ok := at[name]; ok {
			return moment, true
		}
	}
	return 0, false
}

// lastOf is when an arm that was broken off was left: its last event but the inverses, which are applied after the rest.
func lastOf(r slo.Record) float64 {
	last := 0.0
	for _, e := range r.Events {
		if e.Kind != slo.Revert {
			last = max(last, e.At.Seconds())
		}
	}
	return last
}

// milliseconds rounds seconds to the precision of verdicts.
func milliseconds(s float64) float64 { return math.Round(s*1000) / 1000 }
