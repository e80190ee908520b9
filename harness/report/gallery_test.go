package report

import (
	"strings"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

const serverCert = "/etc/kubernetes/pki/etcd/server.crt"

// exam is an outage with the whole exam, as scenarios have it.
func exam(name string) slo.Spec {
	probe := func(name string, interval, timeout time.Duration, red bool) slo.ProbeSpec {
		return slo.ProbeSpec{Name: name, Interval: interval, Timeout: timeout, Red: red}
	}
	return slo.Spec{
		Scenario: name, Expect: slo.Effect{Kind: slo.Outage}, Symptom: "etcd-refuses-expired-client", Culprit: "etcd/server", Also: []string{"etcd/peer"},
		Probes: []slo.ProbeSpec{probe("api", s/2, 2*s, true), probe("write", s, 3*s, true), probe("schedule", 5*s, 30*s, false), probe("nodes", s, 2*s, true),
			probe("site", s/2, s, false)},
		Objectives: []slo.Objective{{Metric: slo.Detect, Max: 5 * s}, {Metric: slo.Recover, Max: 60 * s}, {Metric: slo.Heal, Max: 20 * s}},
		Soak:       20 * s, Cut: true, Exam: true, Arms: []slo.Arm{slo.Sham, slo.Untreated, slo.Treated},
		Renewed: []string{serverCert}, Allow: []slo.Allowed{{Object: "/etc/kubernetes/tmp/*", Kinds: []slo.ChangeKind{slo.Added}}},
	}
}

// armed is an arm of exam from 6 s to its end, whose probes that must turn red are red in [red, green).
func armed(sp slo.Spec, arm slo.Arm, red, green, end time.Duration, events ...slo.Event) slo.Record {
	r := slo.Record{Version: slo.RecordVersion, Run: "20191130-102908-c0ffee", Scenario: sp.Scenario, Arm: arm, Tool: "medic v0.1.0",
		Started: time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC), Spec: sp}
	if arm == slo.Untreated {
		r.Tool = ""
	}
	for _, p := range sp.Probes {
		for at := 100 * ms; at+p.Interval < end; at += p.Interval {
			e := slo.Event{Kind: slo.Probe, Name: p.Name, At: at, OK: true, Took: 12 * ms}
			if p.Red && at >= red && at < green {
				e.OK, e.Error, e.Took = false, "dial tcp 127.0.0.1:34567: connect: connection refused", 3*ms
			}
			r.Events = append(r.Events, e)
		}
	}
	events = append(events, slo.Event{Kind: slo.HostClock, At: end, OK: true}, slo.Event{Kind: slo.TTL, At: end, OK: true})
	if arm != slo.Sham {
		events = append(events, slo.Event{Kind: slo.Fault, Name: "etcd-certs-expired", At: 13300 * ms, OK: true, Took: 1216 * ms},
			slo.Event{Kind: slo.Symptom, At: 13500 * ms, OK: true, Detail: "rejected connection on client endpoint"}, phase(slo.PhaseInject, 12*s))
	}
	r.Events = append(append(r.Events, events...), phase(slo.PhaseSteady, 6*s), phase(slo.PhaseEnd, end))
	for i := range r.Events {
		r.Events[i].Seq = int64(i) + 1
	}
	return r
}

func phase(name string, at time.Duration) slo.Event {
	return slo.Event{Kind: slo.Phase, Name: name, At: at, OK: true}
}

func snapshots(end time.Duration) []slo.Event {
	return []slo.Event{{Kind: slo.Snapshot, Name: slo.SnapshotHealthy, At: 8 * s, OK: true}, {Kind: slo.Snapshot, Name: slo.SnapshotEnd, At: end, OK: true},
		{Kind: slo.Writes, At: end, OK: true}}
}

func seen(when string, at time.Duration, serial string, ok bool) slo.Event {
	c := slo.Certificate{Subject: "CN=nov30-control-plane", Serial: serial, NotBefore: time.Date(2018, 11, 30, 10, 29, 8, 0, time.UTC),
		NotAfter: time.Date(2020, 11, 30, 10, 29, 8, 0, time.UTC)}
	e := slo.Event{Kind: slo.CertificateSeen, Name: serverCert, Detail: when, At: at, OK: ok, Certificate: &c}
	if !ok {
		c.NotAfter, e.Error = time.Date(2019, 11, 30, 10, 28, 8, 0, time.UTC), "it has expired"
	}
	return e
}

func changed(kind slo.ChangeKind, node, object, diff string) slo.Event {
	return slo.Event{Kind: slo.Changed, At: 60 * s, OK: true, Change: &slo.Change{Kind: kind, Node: node, Object: object, Diff: diff}}
}

// calm is a sham arm, bitten an untreated one.
func calm(sp slo.Spec) slo.Record {
	events := append(snapshots(34*s), slo.Event{Kind: slo.ToolEvent, Name: slo.DetectStart, At: 5 * s, OK: true}, phase(slo.PhaseSoak, 12*s),
		slo.Event{Kind: slo.Cut, At: 13 * s, OK: true})
	return armed(sp, slo.Sham, 0, 0, 34*s, events...)
}

func bitten(sp slo.Spec) slo.Record {
	return armed(sp, slo.Untreated, 13*s, 99*s, 58*s, phase(slo.PhaseHold, 13400*ms))
}

// repaired is a treated arm that was detected by a finding and green from 22 s on.
func repaired(sp slo.Spec, f slo.ToolFinding, more ...slo.Event) slo.Record {
	events := append(snapshots(60*s),
		slo.Event{Kind: slo.ToolEvent, Name: slo.DetectStart, At: 5 * s, OK: true}, slo.Event{Kind: slo.Finding, At: 14 * s, OK: true, Finding: &f},
		slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverStart, At: 14100 * ms, OK: true}, slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverExit, At: 18500 * ms, OK: true},
		slo.Event{Kind: slo.Cut, At: 28 * s, OK: true}, phase(slo.PhaseRecover, 13400*ms), phase(slo.PhaseSoak, 23*s),
		seen(slo.SnapshotHealthy, 8*s, "1f3a99c2", true), seen(slo.SnapshotBroken, 13400*ms, "6b00d1e7", false), seen(slo.SnapshotEnd, 60*s, "90ffee12", true))
	return armed(sp, slo.Treated, 13*s, 22*s, 60*s, append(events, more...)...)
}

var diffOfAProbe = "-spec.containers[0].livenessProbe: {httpGet: {path: /livez, port: 6443}}\n+spec.containers[0].command[12]: --insecure-port=8080"

// gallery is a run with one of everything that a report must show.
func gallery(f slo.ToolFinding) Results {
	r := Results{Run: "20191130-102908-c0ffee", Exit: slo.ExitFail, Records: Records{}, Timings: []Timing{
		{"vandal", "sham", PartCreate, 23.4}, {"vandal", "sham", PartDeploy, 2.8}, {"vandal", "treated", PartRewind, 6.1}, {"vandal", "treated", PartJudge, 0.04}}}
	add := func(sp slo.Spec, records ...slo.Record) {
		arms := map[slo.Arm]slo.Record{}
		for _, rec := range records {
			arms[rec.Arm] = rec
		}
		r.Records[sp.Scenario] = arms
		r.Verdicts = append(r.Verdicts, slo.Evaluate(arms, sp))
	}
	renewed := changed(slo.Renewed, "control-plane", serverCert, "-serial: 1f3a99c2\n+serial: 90ffee12")
	sp := exam("etcd-certs-expired")
	add(sp, calm(sp), bitten(sp), repaired(sp, f, renewed, changed(slo.Added, "control-plane", "/etc/kubernetes/tmp/backup", "+sha256: 77ab")))

	sp = exam("etcd-certs-expired-latent")
	sp.Expect.Kind, sp.Objectives = slo.ExpectWarn, sp.Objectives[:1]
	for i := range sp.Probes {
		sp.Probes[i].Red = false
	}
	add(sp, calm(sp), bitten(sp), repaired(sp, f, renewed))

	sp = exam("api-down-look-alike")
	sp.Culprit, sp.Also, sp.DetectOnly, sp.Renewed, sp.Allow, sp.Objectives = "api", nil, true, nil, nil, sp.Objectives[:1]
	asked := armed(sp, slo.Treated, 13*s, 99*s, 58*s, phase(slo.PhaseRecover, 13400*ms), slo.Event{Kind: slo.ToolEvent, Name: slo.DetectStart, At: 5 * s, OK: true},
		slo.Event{Kind: slo.Finding, At: 14 * s, OK: true, Finding: &f})
	add(sp, calm(sp), bitten(sp), asked)

	sp = exam("vandal")
	add(sp, calm(sp), bitten(sp), repaired(sp, f, renewed, changed(slo.Altered, "control-plane", "/etc/kubernetes/manifests/kube-apiserver.yaml", diffOfAProbe),
		changed(slo.Added, "", "clusterrolebindings.rbac.authorization.k8s.io//nodes", "+roleRef.name: cluster-admin\n+subjects[0].name: system:nodes")))

	sp = exam("relapse")
	again := repaired(sp, f, renewed)
	for i, e := range again.Events {
		if e.Kind == slo.Probe && e.Name == "api" && e.At > 41*s {
			again.Events[i].OK, again.Events[i].Error = false, "no answer within 2s"
		}
	}
	add(sp, calm(sp), bitten(sp), again)

	sp = exam("probe-gap")
	gap := repaired(sp, f, renewed)
	gap.Events = without(gap.Events, func(e slo.Event) bool { return e.Kind == slo.Probe && e.Name == "nodes" && e.At > 30*s && e.At < 45*s })
	broken := calm(sp)
	broken.Events = without(broken.Events, func(e slo.Event) bool { return e.Kind == slo.Phase && e.Name == slo.PhaseEnd })
	add(sp, broken, bitten(sp), gap)
	return r
}

// without drops events and numbers the others anew.
func without(events []slo.Event, drop func(slo.Event) bool) (rest []slo.Event) {
	for _, e := range events {
		if !drop(e) {
			e.Seq = int64(len(rest)) + 1
			rest = append(rest, e)
		}
	}
	return rest
}

// long is a text that does not fit anywhere.
var long = strings.Repeat("A very long text without an end ", 1<<7)
