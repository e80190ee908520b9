package slo

import (
	"slices"
	"time"
)

var kinds = []Kind{Phase, Probe, Fault, Symptom, Finding, ToolEvent, Cut, Writes, Revert, HostClock, Note,
	Snapshot, Changed, CertificateSeen, TTL, Pace}

// sequences are the phases of each arm in order; a pass needs those that are not optional.
var sequences = map[Arm][]struct {
	phase    string
	optional bool
}{
	Untreated: {{PhaseSteady, false}, {PhaseInject, false}, {PhaseHold, false}, {PhaseEnd, false}},
	Treated:   {{PhaseSteady, false}, {PhaseInject, false}, {PhaseRecover, false}, {PhaseSoak, true}, {PhaseEnd, false}},
	Sham:      {{PhaseSteady, false}, {PhaseSoak, true}, {PhaseEnd, false}},
}

// readable checks that the record is whole and speaks of this arm.
func (j *judge) readable() bool {
	r := j.rec
	if _, ok := sequences[j.arm]; !ok {
		j.doubt("unknown arm")
	}
	if r.Version < 1 || r.Version > RecordVersion {
		j.doubt("the record has version %d, this program reads 1 to %d", r.Version, RecordVersion)
	}
	if r.Arm != j.arm || r.Scenario != j.spec.Scenario {
		j.doubt("the record is of %s/%s", clip(r.Scenario), clip(string(r.Arm)))
	}
	if len(r.Events) == 0 {
		j.doubt("the record has no events")
	}
	for i, e := range r.Events {
		if e.Seq != int64(i)+1 {
			j.doubt("event %d is missing: number %d stands in its place", i+1, e.Seq)
			break // every later one is off, too
		}
		if reason := j.malformed(e); reason != "" {
			j.doubt("event %d: %s", e.Seq, reason)
		}
	}
	return len(j.doubts) == 0
}

func (j *judge) malformed(e Event) string {
	switch {
	case e.At < 0 || e.At > longest || e.Took < 0 || e.Took > longest || e.Late < 0 || e.Late > longest:
		return "impossible time"
	case !slices.Contains(kinds, e.Kind):
		return "unknown kind " + clip(string(e.Kind))
	case e.Kind == Probe && !slices.ContainsFunc(j.spec.Probes, func(p ProbeSpec) bool { return p.Name == e.Name }):
		return "the scenario has no probe " + clip(e.Name)
	case e.Kind == Finding && e.Finding == nil:
		return "a finding without content"
	case e.Kind == Changed && e.Change == nil:
		return "a change without content"
	case e.Kind == CertificateSeen && e.OK && e.Certificate == nil:
		return "a certificate without content"
	case e.Kind == Pace && !e.paced():
		return "wake-ups without content, or that contradict themselves"
	}
	return ""
}

// phased reads when each phase began and checks that they are those of this arm, once each and in order.
func (j *judge) phased() bool {
	j.phase = map[string]time.Duration{}
	for _, e := range j.rec.Events {
		if e.Kind != Phase {
			continue
		}
		if _, ok := j.phase[e.Name]; ok {
			j.doubt("the record has the phase %s twice", clip(e.Name))
		}
		j.phase[e.Name] = e.At
	}
	known, last := 0, time.Duration(0)
	for _, s := range sequences[j.arm] {
		at, ok := j.phase[s.phase]
		switch {
		case !ok && !s.optional:
			j.doubt("the record has no phase %s", s.phase)
		case ok && at < last:
			j.doubt("the phase %s begins too early", s.phase)
		case ok:
			known, last = known+1, at
		}
	}
	if len(j.doubts) == 0 && known != len(j.phase) {
		j.doubt("the record has a phase that the arm does not have")
	}
	return len(j.doubts) == 0
}
