package slo

import (
	"cmp"
	"slices"
	"time"
)

const (
	s  = time.Second
	ms = time.Millisecond
)

// draft is a record under construction: a healthy arm that a test spoils. Times are offsets from the arm's start; the
// injection begins at 10 s.
type draft struct {
	arm    Arm
	spec   Spec
	events []Event
}

func spec() Spec {
	return Spec{
		Scenario: "etcd-certs-expired", Expect: Effect{Kind: Outage}, Symptom: "etcd logs rejected connection",
		Culprit: "etcd/server", Also: []string{"etcd/peer"},
		Probes: []ProbeSpec{
			{Name: "api", Interval: s, Timeout: 2 * s, Red: true},
			{Name: "site", Interval: s, Timeout: 2 * s},
		},
		Objectives: []Objective{{Detect, 5 * s}, {Recover, 60 * s}, {Heal, 20 * s}},
		Soak:       30 * s, Arms: []Arm{Untreated, Treated},
	}
}

func (d *draft) add(e ...Event) *draft { d.events = append(d.events, e...); return d }

func (d *draft) phase(name string, at time.Duration) *draft {
	return d.add(Event{Kind: Phase, Name: name, At: at, OK: true})
}

// set makes the checks of a probe scheduled in [from, to) green or red.
func (d *draft) set(probe string, from, to time.Duration, ok bool) *draft {
	for i, e := range d.events {
		if e.Kind == Probe && e.Name == probe && e.At >= from && e.At < to {
			d.events[i].OK, d.events[i].Error = ok, ""
			if !ok {
				d.events[i].Error = "connection refused"
			}
		}
	}
	return d
}

// drop removes the events that match, as if they had never happened.
func (d *draft) drop(match func(Event) bool) *draft {
	d.events = slices.DeleteFunc(d.events, match)
	return d
}

// each changes the events that match.
func (d *draft) each(match func(Event) bool, change func(*Event)) *draft {
	for i := range d.events {
		if match(d.events[i]) {
			change(&d.events[i])
		}
	}
	return d
}

// record writes the draft down: in the order in which things ended, numbered.
func (d *draft) record() Record {
	events := slices.Clone(d.events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(ended(a), ended(b)) })
	return Record{Version: RecordVersion, Run: "r1", Scenario: d.spec.Scenario, Arm: d.arm, Spec: d.spec, Events: number(events)}
}

func ended(e Event) time.Duration {
	if e.Kind == Probe || e.Kind == Pace {
		return e.At + e.Took
	}
	return e.At
}

func number(events []Event) []Event {
	for i := range events {
		events[i].Seq = int64(i) + 1
	}
	return events
}

// quietArm has every probe green from 0 to end, the phases steady and end, and what every arm needs.
func quietArm(arm Arm, sp Spec, end time.Duration) *draft {
	d := &draft{arm: arm, spec: sp}
	d.phase(PhaseSteady, 0)
	for _, p := range sp.Probes {
		for at := 200 * ms; at < end; at += p.Interval {
			d.add(Event{Kind: Probe, Name: p.Name, At: at, OK: true, Took: 20 * ms})
		}
	}
	if sp.Pace {
		for at := time.Duration(0); at < end+3*s; at += s {
			d.add(beat(at, ms, 0))
		}
	}
	return d.phase(PhaseEnd, end).add(Event{Kind: HostClock, At: end, OK: true})
}

func (d *draft) injection() *draft {
	return d.phase(PhaseInject, 10*s).add(Event{Kind: Fault, Name: "etcd-certs-expired", At: 12 * s, OK: true, Took: 2 * s})
}

// untreatedOf is an untreated arm that shows the outage: api red from 11.2 s to the end at 60 s.
func untreatedOf(sp Spec) *draft {
	d := quietArm(Untreated, sp, 60*s).injection().phase(PhaseHold, 12*s)
	if sp.expectsRed() {
		d.set("api", 11*s, 61*s, false)
	}
	return d.add(Event{Kind: Symptom, At: 20 * s, OK: true}, Event{Kind: Revert, Name: "restore", At: 61 * s, OK: true})
}

// treatedOf is a treated arm that passes: api red from 11.2 s, detected at 12 s, recovery from 12.1 s to 22 s, green from
// 20.2 s, soak from 23 s to 55 s.
func treatedOf(sp Spec) *draft {
	d := quietArm(Treated, sp, 55*s).injection().phase(PhaseRecover, 12*s).phase(PhaseSoak, 23*s)
	if sp.expectsRed() {
		d.set("api", 11*s, 20*s, false)
	}
	return d.add(
		Event{Kind: ToolEvent, Name: DetectStart, At: 1 * s, OK: true},
		finding(12*s, Critical, "etcd/server"),
		Event{Kind: ToolEvent, Name: RecoverStart, At: 12*s + 100*ms, OK: true},
		Event{Kind: ToolEvent, Name: RecoverExit, At: 22 * s, OK: true},
		Event{Kind: Cut, At: 24 * s, OK: true},
		Event{Kind: Writes, At: 55 * s, OK: true},
		Event{Kind: Revert, Name: "restore", At: 56 * s, OK: true},
	)
}

func shamOf(sp Spec) *draft {
	return quietArm(Sham, sp, 40*s).add(Event{Kind: ToolEvent, Name: DetectStart, At: 100 * ms, OK: true})
}

func finding(at time.Duration, sev Severity, culprit string) Event {
	return Event{Kind: Finding, At: at, OK: true, Finding: &ToolFinding{Severity: sev, Kind: "cert-expired", Culprit: culprit}}
}

func is(k Kind) func(Event) bool { return func(e Event) bool { return e.Kind == k } }

func isTool(name string) func(Event) bool {
	return func(e Event) bool { return e.Kind == ToolEvent && e.Name == name }
}

func isProbe(name string) func(Event) bool {
	return func(e Event) bool { return e.Kind == Probe && e.Name == name }
}

func records(drafts ...*draft) map[Arm]Record {
	arms := map[Arm]Record{}
	for _, d := range drafts {
		arms[d.arm] = d.record()
	}
	return arms
}
