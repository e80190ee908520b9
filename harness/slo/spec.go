package slo

import "time"

// Effect is what the untreated arm must show.
type Effect struct {
	Kind   EffectKind    `json:"kind"`
	Within time.Duration `json:"within_ns,omitempty"` // Heals only: red, then green again within this time of the bite
}

// EffectKind names an effect.
type EffectKind string

// The effects a scenario can expect.
const (
	Outage      EffectKind = "outage"  // symptom seen, every named probe red, and red to the end of the hold
	ExpectWarn  EffectKind = "warning" // symptom seen, no probe red
	ExpectNone  EffectKind = "nothing" // no probe red
	ExpectHeals EffectKind = "heals"   // red, then green by itself within Effect.Within
)

// Metric is a measured time of the treated arm.
type Metric string

// The metrics an objective can bound.
const (
	// Detect: from the bite (from the injection where no outage is expected) to the first critical finding that names
	// the culprit.
	Detect Metric = "detect"
	// Recover: from the bite to the moment from which every probe is green without a gap (0 where nothing turned red).
	// The bite counts from the schedule of its check, green from the answer, so that the time is never too short.
	Recover Metric = "recover"
	// Heal: from the start of the tool's recover command to the answer of the first green check of the api probe that was
	// scheduled after it and that no red one follows (where no outage is expected: to the end of the recover command).
	Heal Metric = "heal"
)

// Objective is one bound of the SLO.
type Objective struct {
	Metric Metric        `json:"metric"`
	Max    time.Duration `json:"max_ns"`
}

// APIProbe is the name of the probe that Heal is measured with.
const APIProbe = "api"

// ProbeSpec is what the evaluation needs to know of one probe.
type ProbeSpec struct {
	Name     string        `json:"name"`
	Interval time.Duration `json:"interval_ns"`
	Timeout  time.Duration `json:"timeout_ns"`
	// Red: the untreated arm must turn this probe red. Otherwise it must stay green there.
	Red bool `json:"red"`
	// Says is what at least one of its red checks in the hold of an outage must carry in its error, such as "status 502":
	// a probe that is red for another reason does not show the outage. Empty: any error will do.
	Says string `json:"says,omitempty"`
}

// Spec is the part of a scenario that a verdict is computed from.
type Spec struct {
	Scenario   string        `json:"scenario"`
	Expect     Effect        `json:"expect"`
	Symptom    string        `json:"symptom"`
	Culprit    string        `json:"culprit"`        // empty (with ExpectNone only): there is nothing to name, any critical finding is a false alarm
	Also       []string      `json:"also,omitempty"` // further right answers
	Probes     []ProbeSpec   `json:"probes"`
	Objectives []Objective   `json:"objectives"`
	Soak       time.Duration `json:"soak_ns"`
	// Cut: the harness cuts connections once in the soak, which counts from there; without that cut the treated arm is
	// inconclusive. A tool that only says that it repaired a latent fault is found out by nothing else.
	Cut  bool  `json:"cut,omitempty"`
	Arms []Arm `json:"arms"` // a pass needs all of these
	// DetectOnly: the tool is asked what is wrong and not to repair it; there is no recovery, no soak and no cut in the
	// treated arm. For look-alikes: an outage whose repair is not the point.
	DetectOnly bool `json:"detect_only,omitempty"`
	// Exam: the cluster at the end is compared with the healthy one by content. Whatever is not in Allow is vandalism.
	// Records of version 1 have no such comparison.
	Exam bool `json:"exam,omitempty"`
	// Pace: a pacemaker ran beside the probes, and an arm in which nov30 itself ran late is inconclusive. Records of version 1
	// and 2 have no pacemaker.
	Pace bool `json:"pace,omitempty"`
	// Allow are the changes that a repair may make beside renewing certificates and keys.
	Allow []Allowed `json:"allow,omitempty"`
	// Renewed names the certificates that a repair must have renewed: the path of a file on the first control-plane node, or
	// "served " and a port of it. At the end each must be valid, and neither the one that was there when all was healthy nor
	// the one that the fault put there.
	Renewed []string `json:"renewed,omitempty"`
}

// Allowed is a pattern of changes.
type Allowed struct {
	Object string       `json:"object"` // path.Match pattern on Change.Object
	Kinds  []ChangeKind `json:"kinds"`  // empty: any
}
