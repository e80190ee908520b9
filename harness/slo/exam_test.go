package slo

import (
	"strings"
	"testing"
	"time"
)

var night = time.Date(2019, 11, 30, 10, 29, 8, 0, time.UTC)

const serverCert = "/etc/kubernetes/pki/etcd/server.crt"

// examined is the outage with the whole exam: three arms, one certificate to renew, one change that the scenario allows.
func examined() Spec {
	sp := spec()
	sp.Arms, sp.Cut, sp.Exam = []Arm{Sham, Untreated, Treated}, true, true
	sp.Renewed, sp.Allow = []string{serverCert}, []Allowed{{Object: "/etc/kubernetes/tmp/*/*", Kinds: []ChangeKind{Added}}}
	return sp
}

func snapshots(d *draft) *draft {
	return d.add(Event{Kind: Snapshot, Name: SnapshotHealthy, OK: true}, Event{Kind: Snapshot, Name: SnapshotEnd, At: d.last(), OK: true})
}

// last is the end of the judged time.
func (d *draft) last() (at time.Duration) {
	for _, e := range d.events {
		if e.Kind == Phase && e.Name == PhaseEnd {
			at = e.At
		}
	}
	return at
}

func seen(when string, at time.Duration, serial string, ok bool) Event {
	return Event{Kind: CertificateSeen, Name: serverCert, Detail: when, At: at, OK: ok, Certificate: &Certificate{Serial: serial}}
}

func limit(d *draft) *draft { return d.add(Event{Kind: TTL, At: d.last(), OK: true}) }

func examinedArms(sp Spec) []*draft {
	sham := snapshots(shamOf(sp)).phase(PhaseSoak, 4*s).add(Event{Kind: Cut, At: 5 * s, OK: true}, Event{Kind: Writes, At: 40 * s, OK: true})
	treated := limit(snapshots(treatedOf(sp))).add(seen(SnapshotHealthy, 0, "1", true), seen(SnapshotBroken, 12*s, "2", false), seen(SnapshotEnd, 55*s, "3", true))
	return []*draft{sham, limit(untreatedOf(sp)), treated}
}

func changed(kind ChangeKind, object string) Event {
	return Event{Kind: Changed, At: 54 * s, OK: true, Change: &Change{Kind: kind, Object: object, Diff: "+subjects: system:nodes"}}
}

func setSeen(when string, change func(*Event)) func(*draft) {
	return func(d *draft) {
		d.each(func(e Event) bool { return e.Kind == CertificateSeen && e.Detail == when }, func(e *Event) {
			c := *e.Certificate
			e.Certificate = &c
			change(e)
		})
	}
}

func TestTheExamOfARepair(t *testing.T) {
	untilEnd := func(d *draft) { d.set("api", 11*s, 60*s, false).drop(isPhase(PhaseSoak)).drop(is(Writes)) }
	for _, tt := range []struct {
		name  string
		arm   int // 0 sham, 1 untreated, 2 treated
		spoil func(*draft)
		want  State
		says  string
	}{
		{"a clean repair passes", 2, func(*draft) {}, Pass, ""},
		{"renewing passes", 2, func(d *draft) { d.add(changed(Renewed, serverCert)) }, Pass, ""},
		{"what the scenario allows passes", 2, func(d *draft) { d.add(changed(Added, "/etc/kubernetes/tmp/backup/etcd.yaml")) }, Pass, ""},
		{"another kind of the allowed", 2, func(d *draft) { d.add(changed(Removed, "/etc/kubernetes/tmp/backup/etcd.yaml")) }, Fail, "vandalism: 1 changes"},
		{"a binding for system:nodes", 2, func(d *draft) {
			d.add(changed(Added, "clusterrolebindings.rbac.authorization.k8s.io//nodes"))
		}, Fail, "clusterrolebindings.rbac.authorization.k8s.io//nodes added (+subjects: system:nodes)"},
		{"a workload made again", 2, func(d *draft) { d.add(changed(Recreated, "deployments.apps/site/web")) }, Fail, "recreated"},
		{"a change in calm", 0, func(d *draft) { d.add(changed(Renewed, serverCert)) }, Fail, "where nothing was injected"},
		{"the allowed in calm", 0, func(d *draft) { d.add(changed(Added, "/etc/kubernetes/tmp/backup/etcd.yaml")) }, Fail, "where nothing was injected"},
		{"writes lost in calm", 0, func(d *draft) { d.each(is(Writes), func(e *Event) { e.OK = false }) }, Fail, "acknowledged writes lost"},
		{"writes not read in calm", 0, func(d *draft) { d.drop(is(Writes)) }, Inconclusive, "not read back"},
		{"calm not cut", 0, func(d *draft) { d.drop(is(Cut)) }, Inconclusive, "not cut"},
		{"calm too short", 0, func(d *draft) { d.each(is(Cut), at(20*s)) }, Inconclusive, "the sham lasted 20 s of 30 s"},
		{"calm not compared", 0, func(d *draft) { d.drop(is(Snapshot)) }, Inconclusive, "not taken once and whole"},
		{"not compared before", 2, func(d *draft) {
			d.drop(func(e Event) bool { return e.Kind == Snapshot && e.Name == SnapshotHealthy })
		}, Inconclusive, "(healthy)"},
		{"not compared at the end", 2, func(d *draft) {
			d.each(func(e Event) bool { return e.Kind == Snapshot && e.Name == SnapshotEnd }, func(e *Event) { e.OK, e.Error = false, "refused" })
		}, Inconclusive, "(end), so what was changed is not known: refused"},
		{"compared twice", 2, func(d *draft) { d.add(Event{Kind: Snapshot, Name: SnapshotEnd, At: 54 * s, OK: true}) }, Inconclusive, "(end)"},
		{"not compared at the end of a failure", 2, func(d *draft) {
			untilEnd(d)
			d.drop(func(e Event) bool { return e.Kind == Snapshot && e.Name == SnapshotEnd })
		}, Fail, "not recovered"},
		{"vandalism beside a failure", 2, func(d *draft) { untilEnd(d); d.add(changed(Removed, "nodes//worker")) }, Fail, "vandalism"},
		{"the detector goes on while all is green", 2, func(d *draft) { d.add(finding(45*s, Critical, "etcd/server")) }, Fail, "false alarms after everything was green again"},
		{"the detector takes a moment to see the repair", 2, func(d *draft) { d.add(finding(30*s, Critical, "etcd/server")) }, Pass, ""},
		{"writes that could not be read", 2, func(d *draft) {
			d.each(is(Writes), func(e *Event) { e.OK, e.Name = false, WritesUnreadable })
		}, Inconclusive, "the acknowledged writes were not read back"},
		{"writes that are lost", 2, func(d *draft) { d.each(is(Writes), func(e *Event) { e.OK = false }) }, Fail, "acknowledged writes lost"},
		{"a certificate with a shorter life", 2, func(d *draft) {
			setSeen(SnapshotHealthy, func(e *Event) { e.Certificate.NotAfter = night.AddDate(1, 0, 0) })(d)
			setSeen(SnapshotEnd, func(e *Event) { e.Certificate.NotAfter = night.AddDate(0, 6, 0) })(d)
		}, Fail, "ends earlier than the one it took the place of: 2020-05-30"},
		{"the time limit fired", 2, func(d *draft) { d.each(is(TTL), func(e *Event) { e.OK, e.Error = false, "worker fired" }) }, Inconclusive, "worker fired"},
		{"the time limit fired untreated", 1, func(d *draft) { d.each(is(TTL), func(e *Event) { e.OK = false }) }, Inconclusive, "time limit"},
		{"the time limit not asked", 2, func(d *draft) { d.drop(is(TTL)) }, Inconclusive, "nobody asked the nodes"},
		{"the expired certificate stays", 2, setSeen(SnapshotEnd, func(e *Event) { e.Certificate.Serial = "2" }), Fail, "it is still the one of the fault, serial 2"},
		{"the old certificate is put back", 2, setSeen(SnapshotEnd, func(e *Event) { e.Certificate.Serial = "1" }), Fail, "the old one was put back"},
		{"a new one that is not valid", 2, setSeen(SnapshotEnd, func(e *Event) { e.OK = false }), Fail, "is not valid at the end"},
		{"a certificate that is gone", 2, setSeen(SnapshotEnd, func(e *Event) { e.OK, e.Certificate = false, nil }), Fail, "cannot be read at the end"},
		{"a certificate nobody looked at", 2, func(d *draft) { d.drop(is(CertificateSeen)) }, Inconclusive, "was not looked at"},
		{"a fault that replaced nothing", 2, setSeen(SnapshotBroken, func(e *Event) { e.Certificate.Serial = "1" }), Inconclusive, "the fault did not replace"},
		{"an unreadable one before", 2, setSeen(SnapshotHealthy, func(e *Event) { e.OK, e.Certificate = false, nil }), Inconclusive, "could not be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arms := examinedArms(examined())
			tt.spoil(arms[tt.arm])
			v := Evaluate(records(arms...), examined())
			if all := strings.Join(v.Reasons, "\n"); v.Verdict != tt.want || !strings.Contains(all, tt.says) {
				t.Errorf("%s, want %s with %q: %s", v.Verdict, tt.want, tt.says, all)
			}
		})
	}
}

func TestEveryChangeIsInTheVerdictWithItsJudgement(t *testing.T) {
	arms := examinedArms(examined())
	arms[0].add(changed(Altered, "nodes//worker"))
	arms[2].add(changed(Renewed, serverCert), changed(Added, "/etc/kubernetes/tmp/a/b"), changed(Removed, "secrets/kube-system/x"))
	v := Evaluate(records(arms...), examined())
	got := map[string]ChangeState{}
	for _, c := range v.Changes {
		got[string(c.Arm)+" "+c.Object] = c.State
	}
	for what, want := range map[string]ChangeState{"sham nodes//worker": Vandalism, "treated " + serverCert: RenewedOnly,
		"treated /etc/kubernetes/tmp/a/b": Permitted, "treated secrets/kube-system/x": Vandalism} {
		if got[what] != want {
			t.Errorf("%s is %q, want %q", what, got[what], want)
		}
	}
}

// lookAlike is a fault that needs no repair.
func lookAlike() Spec {
	sp := harmless()
	sp.Arms, sp.Cut, sp.Exam = []Arm{Sham, Untreated, Treated}, true, true
	return sp
}

func lookAlikeArms(sp Spec) []*draft {
	arms := examinedArms(sp)
	arms[2].drop(is(Finding)).drop(isTool(RecoverStart)).drop(isTool(RecoverExit)).drop(is(CertificateSeen)).drop(isPhase(PhaseSoak)).drop(is(Cut)).
		add(Event{Kind: Snapshot, Name: SnapshotBroken, At: 13 * s, OK: true})
	return arms
}

func TestWhereNothingIsToBeRepairedNothingMayBeChanged(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*draft)
		want  State
		says  string
	}{
		{"a quiet tool passes", func(*draft) {}, Pass, ""},
		{"renewing by force", func(d *draft) { d.add(changed(Renewed, serverCert)) }, Fail, "where nothing is to be repaired"},
		{"the allowed is not, either", func(d *draft) { d.add(changed(Added, "/etc/kubernetes/tmp/backup/etcd.yaml")) }, Fail, "vandalism"},
		{"not compared with the cluster after the fault", func(d *draft) {
			d.drop(func(e Event) bool { return e.Kind == Snapshot && e.Name == SnapshotBroken })
		}, Inconclusive, "(broken)"},
		{"an alarm", func(d *draft) { d.add(finding(20*s, Critical, "etcd/server")) }, Fail, "false alarms where there is nothing to find"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arms := lookAlikeArms(lookAlike())
			tt.spoil(arms[2])
			v := Evaluate(records(arms...), lookAlike())
			if all := strings.Join(v.Reasons, "\n"); v.Verdict != tt.want || !strings.Contains(all, tt.says) {
				t.Errorf("%s, want %s with %q: %s", v.Verdict, tt.want, tt.says, all)
			}
		})
	}
}

// asked is an outage that a tool must only explain.
func asked() Spec {
	sp := examined()
	sp.DetectOnly, sp.Renewed, sp.Allow, sp.Objectives = true, nil, nil, []Objective{{Detect, 5 * s}}
	return sp
}

func askedArms(sp Spec) []*draft {
	arms := examinedArms(sp)
	arms[2].set("api", 11*s, 60*s, false).drop(isPhase(PhaseSoak)).drop(is(Cut)).drop(is(Writes)).drop(is(Snapshot)).
		drop(isTool(RecoverStart)).drop(isTool(RecoverExit)).drop(is(CertificateSeen))
	return arms
}

func TestAToolThatIsOnlyAskedMustBlameNothingElse(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*draft)
		want  State
		says  string
	}{
		{"the right answer passes", func(*draft) {}, Pass, ""},
		{"silence", func(d *draft) { d.drop(is(Finding)) }, Fail, "nothing detected"},
		{"a wrong answer", func(d *draft) { d.drop(is(Finding)).add(finding(12*s, Critical, "dns/coredns")) }, Fail, "named dns/coredns, not"},
		{"a wrong one first", func(d *draft) { d.add(finding(11*s+500*ms, Critical, "dns/coredns")) }, Fail, "before the right culprit"},
		{"a wrong one later", func(d *draft) { d.add(finding(40*s, Critical, "dns/coredns")) }, Fail, "named dns/coredns beside the right culprit"},
		{"late", func(d *draft) { d.each(is(Finding), at(18*s)) }, Fail, "detect 6.8 s > 5 s"},
		{"it recovers all the same", func(d *draft) { d.add(Event{Kind: ToolEvent, Name: RecoverStart, At: 13 * s, OK: true}) }, Inconclusive, "recovery was started"},
		{"no bite", func(d *draft) { d.set("api", 0, 60*s, true) }, Inconclusive, "no bite"},
		{"repaired by nobody", func(d *draft) { d.set("api", 40*s, 60*s, true) }, Inconclusive, "healed without a recovery"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			arms := askedArms(asked())
			tt.spoil(arms[2])
			v := Evaluate(records(arms...), asked())
			if all := strings.Join(v.Reasons, "\n"); v.Verdict != tt.want || !strings.Contains(all, tt.says) {
				t.Errorf("%s, want %s with %q: %s", v.Verdict, tt.want, tt.says, all)
			}
		})
	}
}

func TestAnExamThatContradictsItselfIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Spec){
		"an allowance of everything":     func(s *Spec) { s.Allow = []Allowed{{Object: "*/*/*"}} },
		"a broken pattern":               func(s *Spec) { s.Allow = []Allowed{{Object: "[a"}} },
		"allowances without an exam":     func(s *Spec) { s.Exam = false },
		"a repair that is not asked for": func(s *Spec) { s.DetectOnly = true },
		"nothing broken yet asked":       func(s *Spec) { *s = harmless(); s.DetectOnly = true },
	} {
		sp := examined()
		spoil(&sp)
		if sp.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, sp := range []Spec{examined(), asked()} {
		if err := sp.Validate(); err != nil {
			t.Error(err)
		}
	}
}
