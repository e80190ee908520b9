package report

import (
	"time"

	"github.com/nov30/nov30/harness/slo"
)

const (
	s  = time.Second
	ms = time.Millisecond
)

func spec() slo.Spec {
	return slo.Spec{
		Scenario: "etcd-certs-expired", Expect: slo.Effect{Kind: slo.Outage}, Symptom: "etcd logs rejected connection",
		Culprit: "etcd/server",
		Probes: []slo.ProbeSpec{
			{Name: "api", Interval: s, Timeout: 2 * s, Red: true},
			{Name: "site", Interval: s, Timeout: 2 * s, Red: true},
		},
		Objectives: []slo.Objective{{Metric: slo.Detect, Max: 5 * s}, {Metric: slo.Heal, Max: 20 * s}},
		Soak:       10 * s, Arms: []slo.Arm{slo.Untreated, slo.Treated},
	}
}

// record is an arm with the phases at 0, 5 s, 7 s (and 20 s) and the end at 35 s, whose probes are red in [red, green).
func record(arm slo.Arm, red, green time.Duration, phases map[string]time.Duration, extra ...slo.Event) slo.Record {
	events := []slo.Event{}
	for _, name := range []string{slo.PhaseSteady, slo.PhaseInject, slo.PhaseHold, slo.PhaseRecover, slo.PhaseSoak, slo.PhaseEnd} {
		if at, ok := phases[name]; ok {
			events = append(events, slo.Event{Kind: slo.Phase, Name: name, At: at, OK: true})
		}
	}
	for at := 100 * ms; at < 35*s; at += s {
		api := slo.Event{Kind: slo.Probe, Name: "api", At: at, OK: true, Took: 20*ms + at/1000}
		site := slo.Event{Kind: slo.Probe, Name: "site", At: at, OK: true, Took: 5 * ms}
		if at >= red && at < green {
			api.OK, api.Error, api.Took = false, "no answer within 2s", 2*s
			site.OK, site.Error = false, "status 502"
		}
		events = append(events, api, site)
	}
	events = append(events, slo.Event{Kind: slo.Fault, Name: "etcd-certs-expired", At: 7 * s, OK: true, Took: 2 * s},
		slo.Event{Kind: slo.HostClock, At: 35 * s, OK: true})
	events = append(events, extra...)
	for i := range events {
		events[i].Seq = int64(i) + 1
	}
	return slo.Record{Version: slo.RecordVersion, Run: "r1", Scenario: spec().Scenario, Arm: arm, Tool: "medic 1.0",
		Started: time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC), Spec: spec(), Events: events}
}

func untreated() slo.Record {
	r := record(slo.Untreated, 6*s, 40*s, map[string]time.Duration{slo.PhaseSteady: 0, slo.PhaseInject: 5 * s, slo.PhaseHold: 7 * s, slo.PhaseEnd: 35 * s},
		slo.Event{Kind: slo.Symptom, At: 9 * s, OK: true})
	r.Tool = ""
	return r
}

func treated(f slo.ToolFinding) slo.Record {
	return record(slo.Treated, 6*s, 18*s, map[string]time.Duration{slo.PhaseSteady: 0, slo.PhaseInject: 5 * s, slo.PhaseRecover: 7 * s, slo.PhaseSoak: 20 * s, slo.PhaseEnd: 35 * s},
		slo.Event{Kind: slo.ToolEvent, Name: slo.DetectStart, At: s, OK: true},
		slo.Event{Kind: slo.Finding, At: 8 * s, OK: true, Finding: &f},
		slo.Event{Kind: slo.Finding, At: 10 * s, OK: true, Finding: &f},
		slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverStart, At: 8100 * ms, OK: true},
		slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverExit, At: 19 * s, OK: true},
		slo.Event{Kind: slo.Cut, At: 21 * s, OK: true},
		slo.Event{Kind: slo.Writes, At: 35 * s, OK: true})
}

func found() slo.ToolFinding {
	return slo.ToolFinding{Severity: slo.Critical, Kind: "cert-expired", Culprit: "etcd/server", Node: "cp", Evidence: "certificate is after 2019-11-30T10:29:08Z"}
}

// results are a run with a pass, a fail and an inconclusive verdict.
func results(f slo.ToolFinding) Results {
	r := Results{Run: "r1", Exit: slo.ExitFail, Records: Records{}, Timings: []Timing{
		{"etcd-certs-expired", "treated", PartCreate, 25.1}, {"etcd-certs-expired", "treated", PartDeploy, 2.5}, {"", "", PartCreate, 21},
	}}
	add := func(name string, arms map[slo.Arm]slo.Record) {
		sp := spec()
		sp.Scenario = name
		for a, rec := range arms {
			rec.Scenario, rec.Spec = name, sp
			arms[a] = rec
		}
		r.Records[name] = arms
		r.Verdicts = append(r.Verdicts, slo.Evaluate(arms, sp))
	}
	add("etcd-certs-expired", map[slo.Arm]slo.Record{slo.Untreated: untreated(), slo.Treated: treated(f)})
	wrong := f
	wrong.Culprit = "wrong/" + f.Culprit
	add("etcd-certs-expired-rebooted", map[slo.Arm]slo.Record{slo.Untreated: untreated(), slo.Treated: treated(wrong)})
	add("etcd-certs-expired-partial", map[slo.Arm]slo.Record{slo.Treated: treated(f)})
	return r
}
