package slo

import (
	"maps"
	"slices"
)

// State is a judgement. Pass is the only one that means that all is well.
type State string

// The judgements.
const (
	Pass         State = "pass"
	Fail         State = "fail"         // the tool missed an objective, alarmed falsely, or did not recover
	Inconclusive State = "inconclusive" // the experiment did not show what it must show before the tool can be judged
)

// Verdict is the judgement of one scenario. Times are in seconds and null when not measured.
type Verdict struct {
	Name    string   `json:"name"`
	Verdict State    `json:"verdict"`
	Reasons []string `json:"reasons"` // each begins with the arm it comes from, if it comes from one

	DetectS  *float64 `json:"detect_s"`
	RecoverS *float64 `json:"recover_s"`
	HealS    *float64 `json:"heal_s"`

	FalseAlarms   int      `json:"false_alarms"`   // critical findings where nothing was wrong
	Culprit       string   `json:"culprit"`        // named by the tool's first critical finding after the injection
	WrongCulprits []string `json:"wrong_culprits"` // named critically before a right one or before the recovery started

	// Changes is what the tool changed, in the sham and the treated arm, and how that was judged.
	Changes []ChangeResult `json:"changes"`

	// RevertIncomplete: an inverse of nov30 could not be completed. It says nothing about the tool, so it leaves Verdict
	// as it is, but ExitCode is 4.
	RevertIncomplete bool `json:"revert_incomplete"`

	Objectives []ObjectiveResult  `json:"objectives"`
	Arms       map[Arm]ArmVerdict `json:"arms"`
}

// ChangeState is how a change was judged.
type ChangeState string

// The judgements of a change.
const (
	Vandalism   ChangeState = "vandalism" // it deletes, recreates, weakens or adds what the scenario does not allow
	Permitted   ChangeState = "allowed"   // the scenario allows it
	RenewedOnly ChangeState = "renewed"   // a certificate or key with the same rights and a new life
)

// ChangeResult is one change and its judgement.
type ChangeResult struct {
	Arm   Arm         `json:"arm"`
	State ChangeState `json:"state"`
	Change
}

// ArmVerdict is the judgement of one arm.
type ArmVerdict struct {
	State    State    `json:"state"`
	Reasons  []string `json:"reasons"`
	Timeline []Mark   `json:"timeline"`
}

// Mark is a moment of an arm that the judgement is based on.
type Mark struct {
	Name   string  `json:"name"`
	AtS    float64 `json:"at_s"` // seconds since the injection began (sham: since the steady phase began)
	Detail string  `json:"detail,omitempty"`
}

// ObjectiveResult is one bound of the SLO and what was measured.
type ObjectiveResult struct {
	Metric    Metric   `json:"metric"`
	MaxS      float64  `json:"max_s"`
	MeasuredS *float64 `json:"measured_s"`
	OK        bool     `json:"ok"` // measured, and not above the bound
}

// Evaluate judges the records of one scenario. It is pure: the same records and spec give the same verdict.
//
// Precedence, so that a result cannot lie:
//   - Within an arm a reason to doubt the measurement outweighs a failure that was measured with it: the arm is
//     inconclusive. All reasons are listed either way.
//   - A verdict without all arms of s.Arms is inconclusive (partial), whatever the other arms say.
//   - If the untreated arm is not a pass the fault was not shown to do what the scenario says, so nothing that a tool did
//     about it can be judged: inconclusive.
//   - Otherwise fail in any arm gives fail, then inconclusive in any arm gives inconclusive, and only arms that all pass
//     give pass.
func Evaluate(arms map[Arm]Record, s Spec) Verdict {
	v := Verdict{Name: s.Scenario, Reasons: []string{}, WrongCulprits: []string{}, Changes: []ChangeResult{}, Arms: map[Arm]ArmVerdict{}}
	var m measured
	doubts := s.faults()
	for _, arm := range inOrder(arms) {
		j := judgeArm(arm, arms[arm], s, len(doubts) == 0)
		v.Arms[arm] = j.verdict()
		v.FalseAlarms += j.falseAlarms
		v.Changes = append(v.Changes, j.changes...)
		v.RevertIncomplete = v.RevertIncomplete || j.revertIncomplete()
		if arm == Treated {
			m = j.measured
		}
	}
	v.DetectS, v.RecoverS, v.HealS = seconds(m.detect), seconds(m.recover), seconds(m.heal)
	v.Culprit, v.WrongCulprits = m.culprit, append(v.WrongCulprits, m.wrong...)
	v.Objectives = m.results(s.Objectives)
	doubts = append(doubts, missing(arms, s)...)
	doubts = append(doubts, mixed(arms)...)
	v.Reasons = append(v.Reasons, doubts...)
	for _, arm := range inOrder(arms) {
		for _, r := range v.Arms[arm].Reasons {
			v.Reasons = append(v.Reasons, string(arm)+": "+r)
		}
	}
	v.Verdict = combine(v.Arms, len(doubts) == 0)
	return v
}

func combine(arms map[Arm]ArmVerdict, whole bool) State {
	if !whole || len(arms) == 0 || arms[Untreated].State != Pass {
		return Inconclusive
	}
	worst := Pass
	for _, a := range arms {
		switch {
		case a.State == Fail:
			return Fail
		case a.State != Pass:
			worst = Inconclusive
		}
	}
	return worst
}

// inOrder lists the arms as they are reported: untreated, treated, sham, then any other by name.
func inOrder(arms map[Arm]Record) []Arm {
	var order []Arm
	for _, a := range []Arm{Untreated, Treated, Sham} {
		if _, ok := arms[a]; ok {
			order = append(order, a)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(arms)) {
		if !slices.Contains(order, a) {
			order = append(order, a)
		}
	}
	return order
}

// missing names the arms that a pass needs and that were not run.
func missing(arms map[Arm]Record, s Spec) []string {
	var reasons []string
	for _, a := range s.Arms {
		if _, ok := arms[a]; !ok {
			reasons = append(reasons, "partial: arm "+clip(string(a))+" was not run")
		}
	}
	return reasons
}

// mixed says whether the records come from more than one run or tool: arms only explain each other within one.
func mixed(arms map[Arm]Record) []string {
	order := inOrder(arms)
	for _, a := range order {
		if first := arms[order[0]]; arms[a].Run != first.Run {
			return []string{"the arms are of different runs: " + clip(first.Run) + " and " + clip(arms[a].Run)}
		}
	}
	t, treated := arms[Treated]
	sh, sham := arms[Sham]
	if treated && sham && t.Tool != sh.Tool {
		return []string{"the arms are of different tools: " + clip(t.Tool) + " and " + clip(sh.Tool)}
	}
	return nil
}
