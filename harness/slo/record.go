// Package slo judges records. It is pure: no clock, no file, no cluster; the same records give the same verdict for ever.
package slo

import "time"

// RecordVersion is the version of the record format this package writes. It reads every older one: what version 1 did not
// know (the exam of the repair, the time limit in the nodes), nor version 2 (whether nov30 itself ran in time), their specs do
// not ask for.
const RecordVersion = 3

// Arm is one run of a scenario.
type Arm string

// The arms of an experiment.
const (
	Untreated Arm = "untreated" // the fault, no tool
	Treated   Arm = "treated"   // the fault, with the tool
	Sham      Arm = "sham"      // no fault, with the tool
)

// Record is everything that happened in one arm. Event times are offsets from one monotonic start. Events stand in the
// order in which they were written: the result of a check is written when it ends and stamped with its scheduled time.
type Record struct {
	Version  int       `json:"version"`
	Run      string    `json:"run"`
	Scenario string    `json:"scenario"`
	Arm      Arm       `json:"arm"`
	Tool     string    `json:"tool,omitempty"` // name and version of the tool under test
	Started  time.Time `json:"started"`        // wall clock, for people; nothing is judged by it
	Spec     Spec      `json:"spec"`
	Events   []Event   `json:"-"` // events.jsonl
}

// Kind says what an event is.
type Kind string

// The kinds of events. The fields of Event that each of them fills are named behind it.
const (
	Phase     Kind = "phase"      // Name: one of the Phase… constants; the phase begins here
	Probe     Kind = "probe"      // Name, OK, Error, Took, Late: one check, stamped with its scheduled time
	Fault     Kind = "fault"      // Name, OK, Error, Took: one injection ended
	Symptom   Kind = "symptom"    // Name, OK, Detail: the symptom was looked for
	Finding   Kind = "finding"    // Finding: one line of the tool's detector
	ToolEvent Kind = "tool"       // Name: one of DetectStart…; OK, Error (an exit that the harness itself asked for is OK)
	Cut       Kind = "cut"        // OK, Error: connections cut in the soak
	Writes    Kind = "writes"     // OK, Error, Detail: every acknowledged write was read back at the end; Name: empty or WritesUnreadable
	Revert    Kind = "revert"     // Name, OK, Error: one inverse applied and verified (never OK: it could not be completed)
	HostClock Kind = "host-clock" // OK, Error: the host's clock was compared with its monotonic expectation
	Note      Kind = "note"       // Detail

	Snapshot        Kind = "snapshot"    // Name: one of the Snapshot… constants; OK, Error, Detail: the cluster's content was taken
	Changed         Kind = "change"      // Change: one difference between the snapshots
	CertificateSeen Kind = "certificate" // Name: the certificate; Detail: one of the Snapshot… constants; Certificate; OK: it is valid; Error
	TTL             Kind = "ttl"         // OK, Error: no time limit in a node had reverted anything by the end
	Pace            Kind = "pace"        // Wakes, Late: the pacemaker's wake-ups that were due after At and within Took of it; OK: none was late
)

// The names of tool events.
const (
	DetectStart  = "detect-start"  // the detector was started; not OK: it could not be
	DetectExit   = "detect-exit"   // the detector ended; the harness stops it only after PhaseEnd
	RecoverStart = "recover-start" // the recover command was started; not OK: it could not be
	RecoverExit  = "recover-exit"  // the recover command ended; not OK: it failed, crashed or ran out of time
)

// The phases of an arm, in order. Recovered and PhaseSoak occur in the treated arm, PhaseHold in the untreated one.
const (
	PhaseSteady  = "steady"  // every probe must be green
	PhaseInject  = "inject"  // the fault is being injected
	PhaseHold    = "hold"    // untreated: the effect must last to the end of it
	PhaseRecover = "recover" // treated: waiting for detection and repair
	PhaseSoak    = "soak"    // treated: every probe must stay green
	PhaseEnd     = "end"     // no check, finding or tool event after this is judged; an arm that was broken off has none
)

// WritesUnreadable is the name of a writes event that says nothing of the writes: they could not be read.
const WritesUnreadable = "unreadable"

// When the cluster's content was taken.
const (
	SnapshotHealthy = "healthy" // before anything was injected
	SnapshotBroken  = "broken"  // after the injection, before the tool could begin its repair; content only where nothing is to be repaired
	SnapshotEnd     = "end"     // when all is over, before anything is reverted
)

// Event is one thing that happened.
type Event struct {
	// Seq numbers the events of a record 1, 2, 3… in the order in which they were written, so that a lost one shows.
	Seq    int64         `json:"seq"`
	At     time.Duration `json:"at_ns"` // offset from the start of the arm
	Kind   Kind          `json:"kind"`
	Name   string        `json:"name,omitempty"`
	OK     bool          `json:"ok"`
	Error  string        `json:"error,omitempty"`
	Detail string        `json:"detail,omitempty"`
	Took   time.Duration `json:"took_ns,omitempty"`
	// Late is by how much a check was fired after its schedule, or the largest lateness of a stretch of wake-ups.
	Late    time.Duration `json:"late_ns,omitempty"`
	Finding *ToolFinding  `json:"finding,omitempty"`

	Wakes       *Wakes       `json:"wakes,omitempty"`
	Change      *Change      `json:"change,omitempty"`
	Certificate *Certificate `json:"certificate,omitempty"`
}

// Wakes counts the wake-ups of a stretch.
type Wakes struct {
	Due  int `json:"due"`
	Late int `json:"late"` // by WakeLate or more
}

// ChangeKind is what happened to an object.
type ChangeKind string

// The kinds of changes.
const (
	Added     ChangeKind = "added"
	Removed   ChangeKind = "removed"
	Altered   ChangeKind = "altered"   // its content is another one
	Recreated ChangeKind = "recreated" // deleted and made again: the same content under a new identity
	// Renewed is a certificate with the same subject, names, uses and issuer, or a key of the same kind: a new serial and a
	// new life, nothing weaker. It is what a repair is for, so it is listed and never judged.
	Renewed ChangeKind = "renewed"
)

// Change is one difference between the healthy cluster and the cluster at the end.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Node is the node that holds the object; empty: it is an object of the API.
	Node string `json:"node,omitempty"`
	// Object is a file's absolute path, unit/NAME, or RESOURCE.GROUP/NAMESPACE/NAME of the API, as in
	// deployments.apps/site/web and clusterrolebindings.rbac.authorization.k8s.io//cluster-admin.
	Object string `json:"object"`
	// Diff is what is different, a line each, bounded and without secrets: "-path: old" and "+path: new".
	Diff string `json:"diff,omitempty"`
}

// Certificate is what tells one certificate from another.
type Certificate struct {
	Subject   string    `json:"subject"`
	Serial    string    `json:"serial"` // hexadecimal
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// Severity of a tool's finding.
type Severity string

// The severities of the tool contract. A warning is no false alarm and starts no recovery.
const (
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// ToolFinding is one line printed by a tool's detector, as the tool contract has it.
type ToolFinding struct {
	Severity Severity `json:"severity"`
	Kind     string   `json:"kind"`
	Culprit  string   `json:"culprit"`
	Node     string   `json:"node,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
}
