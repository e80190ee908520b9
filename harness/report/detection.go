package report

import (
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// firstNamed is the first critical finding of the judged time after the injection (sham: of all of it); nil: there is none.
func firstNamed(r slo.Record) *slo.ToolFinding {
	var first *slo.Event
	from, to := origin(r), endOf(r)
	for i, e := range r.Events {
		if counts(e, slo.Critical, from, to) && (first == nil || e.At < first.At) {
			first = &r.Events[i]
		}
	}
	if first == nil {
		return nil
	}
	return first.Finding
}

// counts says whether an event is a finding of a severity between two moments.
func counts(e slo.Event, s slo.Severity, from, to time.Duration) bool {
	return e.Kind == slo.Finding && e.Finding != nil && e.Finding.Severity == s && e.At >= from && e.At <= to
}

// endOf is the end of the judged time of an arm; that of one that was broken off is its last event.
func endOf(r slo.Record) time.Duration {
	last := time.Duration(0)
	for _, e := range r.Events {
		if e.Kind == slo.Phase && e.Name == slo.PhaseEnd {
			return e.At
		}
		last = max(last, e.At)
	}
	return last
}

// steadyOf is when the judged time of an arm begins.
func steadyOf(r slo.Record) time.Duration {
	for _, s := range phases(r) {
		if s.name == slo.PhaseSteady {
			return s.from
		}
	}
	return 0
}

// detection is how the tool's detector did in a scenario.
func detection(v slo.Verdict, arms map[slo.Arm]slo.Record) Detection {
	d := Detection{Scenario: plain(v.Name, nameMax), Verdict: v.Verdict, DetectS: v.DetectS, WrongCulprits: []string{}, OtherAlarms: v.FalseAlarms}
	for _, w := range v.WrongCulprits {
		d.WrongCulprits = append(d.WrongCulprits, plain(w, nameMax))
	}
	for _, r := range arms {
		culprit := plain(r.Spec.Culprit, nameMax) // every arm has the same spec
		d.Wrong = &culprit
	}
	warnings := map[said]bool{}
	for _, a := range []slo.Arm{slo.Sham, slo.Treated} {
		for _, f := range findingsOf(arms[a], slo.Warning) {
			warnings[saying(f)] = true
		}
	}
	d.Warnings = len(warnings)
	if r, ok := arms[slo.Sham]; ok && v.Arms[slo.Sham].State != "" {
		n := len(findingsOf(r, slo.Critical))
		d.ShamAlarms, d.OtherAlarms = &n, max(0, v.FalseAlarms-n)
	}
	return d
}

// findingsOf lists the findings of a severity in the judged time of an arm.
func findingsOf(r slo.Record, s slo.Severity) []slo.ToolFinding {
	var found []slo.ToolFinding
	from, to := steadyOf(r), endOf(r)
	for _, e := range r.Events {
		if counts(e, s, from, to) {
			found = append(found, *e.Finding)
		}
	}
	return found
}
