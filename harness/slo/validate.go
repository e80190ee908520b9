package slo

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// longest is the longest time that a spec or an event may carry. It also keeps sums of times from overflowing.
const longest = 7 * 24 * time.Hour

// Validate says why no verdict could be computed from this spec, in one error that lists all reasons.
func (s Spec) Validate() error {
	if f := s.faults(); len(f) > 0 {
		return fmt.Errorf("scenario %s: %v", s.Scenario, f)
	}
	return nil
}

func (s Spec) faults() []string {
	var f []string
	bad := func(format string, args ...any) { f = append(f, "spec: "+fmt.Sprintf(format, args...)) }
	for _, a := range []Arm{Untreated, Treated} {
		if !slices.Contains(s.Arms, a) {
			bad("a pass needs the arm %s", a)
		}
	}
	if s.Soak <= 0 || s.Soak > longest {
		bad("soak %s is out of range", s.Soak)
	}
	s.probeFaults(bad)
	s.effectFaults(bad)
	s.objectiveFaults(bad)
	s.examFaults(bad)
	return f
}

func (s Spec) examFaults(bad func(string, ...any)) {
	if s.DetectOnly && s.Expect.Kind != Outage {
		bad("only detection is asked for, but the effect is %s", s.Expect.Kind)
	}
	if (len(s.Allow) > 0 || len(s.Renewed) > 0) && !s.Exam {
		bad("there is no exam, yet allowed changes or renewed certificates")
	}
	if len(s.Renewed) > 0 && (s.Culprit == "" || s.DetectOnly) {
		bad("certificates must be renewed where there is nothing to repair")
	}
	for _, a := range s.Allow {
		if _, err := path.Match(a.Object, ""); err != nil || a.Object == "" || strings.Trim(a.Object, "*/") == "" {
			bad("allowed change %q is no pattern, or one of everything", clip(a.Object))
		}
	}
}

func (s Spec) probeFaults(bad func(string, ...any)) {
	if len(s.Probes) == 0 {
		bad("there is no probe")
	}
	seen := map[string]bool{}
	for _, p := range s.Probes {
		if p.Name == "" || seen[p.Name] {
			bad("probe name %q is empty or taken", clip(p.Name))
		}
		seen[p.Name] = true
		if p.Interval <= 0 || p.Interval > longest || p.Timeout <= 0 || p.Timeout > longest {
			bad("probe %s: interval %s or timeout %s is out of range", clip(p.Name), p.Interval, p.Timeout)
		}
		if p.Says != "" && (!p.Red || s.Expect.Kind != Outage) {
			bad("probe %s must say %q, yet no outage must turn it red", clip(p.Name), clip(p.Says))
		}
	}
}

func (s Spec) effectFaults(bad func(string, ...any)) {
	red := slices.ContainsFunc(s.Probes, func(p ProbeSpec) bool { return p.Red })
	switch s.Expect.Kind {
	case Outage, ExpectHeals:
		if !red {
			bad("effect %s names no probe that must turn red", s.Expect.Kind)
		}
	case ExpectWarn, ExpectNone:
		if red {
			bad("effect %s, yet a probe must turn red", s.Expect.Kind)
		}
	default:
		bad("unknown effect %q", clip(string(s.Expect.Kind)))
	}
	if s.Expect.Kind == ExpectHeals && (s.Expect.Within <= 0 || s.Expect.Within > longest) {
		bad("effect heals within %s is out of range", s.Expect.Within)
	}
	if s.Culprit == "" && (s.Expect.Kind != ExpectNone || len(s.Also) > 0) {
		bad("there is no culprit")
	}
}

func (s Spec) objectiveFaults(bad func(string, ...any)) {
	seen := map[Metric]bool{}
	for _, o := range s.Objectives {
		switch {
		case o.Metric != Detect && o.Metric != Recover && o.Metric != Heal:
			bad("unknown metric %q", clip(string(o.Metric)))
		case seen[o.Metric]:
			bad("two objectives for %s", o.Metric)
		case o.Max <= 0 || o.Max > longest:
			bad("objective %s %s is out of range", o.Metric, o.Max)
		case s.DetectOnly && o.Metric != Detect:
			bad("objective %s where only detection is asked for", o.Metric)
		case s.Culprit == "":
			bad("objective %s where there is nothing to detect", o.Metric)
		case o.Metric == Heal && s.expectsRed() && !slices.ContainsFunc(s.Probes, func(p ProbeSpec) bool { return p.Name == APIProbe }):
			bad("objective heal needs the probe %s", APIProbe)
		}
		seen[o.Metric] = true
	}
}

// expectsRed says whether the fault must turn a probe red.
func (s Spec) expectsRed() bool { return s.Expect.Kind == Outage || s.Expect.Kind == ExpectHeals }
