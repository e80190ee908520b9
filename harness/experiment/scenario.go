// Package experiment runs the arms of a scenario on real clusters and has their records judged.
package experiment

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
)

// Scenario is one cause of the outage, or several, as data.
type Scenario struct {
	Name, Story string
	Labels      []string
	Cluster     cluster.Spec
	Faults      []fault.Fault // injected in this order
	Expect      slo.Effect    // what the untreated arm must show
	Symptom     fault.Symptom // what a log must show once the fault bites
	Culprit     string
	Also        []string          // further right answers
	Red         []string          // probes that must turn red in the untreated arm; every other one must stay green there
	Says        map[string]string // what a red probe must say at least once, such as site: status 502
	SLO         []slo.Objective
	Hold        time.Duration // untreated: how long the effect must last; 0 means DefaultHold
	Soak        time.Duration // treated: how long all must stay green after the cut; 0 means DefaultSoak
	Timeout     time.Duration // treated: injection to the end of the repair; 0 means DefaultTimeout
	DetectOnly  bool          // the tool is only asked what is wrong, for Hold; its recovery is not started
	Renewed     []string      // certificates that a repair must have renewed; see slo.Spec.Renewed
	Allow       []slo.Allowed // what a repair may change beside renewing certificates and keys
}

// What a scenario that says nothing gets.
const (
	DefaultHold    = 45 * time.Second
	DefaultSoak    = 30 * time.Second
	DefaultTimeout = 3 * time.Minute
)

// limitMax is the longest that a fault may stay in a node that nobody looks after; limitSlack is what an arm may take beyond
// the scenario's own times before it is taken for dead.
const (
	limitMax   = time.Hour
	limitSlack = 10 * time.Minute
)

// limit is after how long a node reverts by itself: longer than any arm that is alive.
func (s Scenario) limit() time.Duration {
	return min(limitMax, max(or(s.Hold, DefaultHold), or(s.Timeout, DefaultTimeout)+or(s.Soak, DefaultSoak))+limitSlack)
}

// armsOfAPass are the arms that a pass needs.
var armsOfAPass = []slo.Arm{slo.Sham, slo.Untreated, slo.Treated}

// Spec is the part of the scenario that its verdict is computed from.
func (s Scenario) Spec() (slo.Spec, error) {
	probes, err := probe.Specs(s.Red...)
	if err != nil {
		return slo.Spec{}, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	for i := range probes {
		probes[i].Says = s.Says[probes[i].Name]
	}
	return slo.Spec{Scenario: s.Name, Expect: s.Expect, Symptom: s.Symptom.Name, Culprit: s.Culprit, Also: s.Also,
		Probes: probes, Objectives: s.SLO, Soak: or(s.Soak, DefaultSoak), Cut: true, Arms: armsOfAPass,
		DetectOnly: s.DetectOnly, Exam: true, Pace: true, Allow: s.Allow, Renewed: s.Renewed}, nil
}

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{2,60}$`)

// Check finds what is wrong with a scenario before anything is run.
func (s Scenario) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !name.MatchString(s.Name) {
		wrong("name %q: lower-case letters, digits and hyphens", s.Name)
	}
	if s.Story == "" || len(s.Labels) == 0 || len(s.Faults) == 0 {
		wrong("story, labels and faults must be given")
	}
	if (s.Culprit == "") != (len(s.SLO) == 0) {
		wrong("an SLO is needed where there is a culprit to find, and only there")
	}
	for _, c := range append([]string{s.Culprit}, s.Also...) {
		if c != "" && !tool.ValidCulprit(c) {
			wrong("culprit %q is not on the list of culprits", c)
		}
	}
	if (s.Expect.Kind == slo.Outage || s.Expect.Kind == slo.ExpectHeals) == (len(s.Red) == 0) {
		wrong("expecting %s with %d red probes", s.Expect.Kind, len(s.Red))
	}
	if (s.Expect.Kind == slo.ExpectNone) != (s.Symptom.Name == "") {
		wrong("a symptom is needed where something is wrong, and only there")
	}
	spec, err := s.Spec()
	if err == nil {
		err = spec.Validate()
	}
	errs = append(errs, err)
	for name := range s.Says {
		if !slices.Contains(s.Red, name) {
			wrong("probe %q must say something but need not turn red", name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return nil
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
