package slo

import (
	"strings"
	"testing"
)

// spoiled is one way to spoil a scenario that passes, and the verdict that it must get.
type spoiled struct {
	name   string
	spoil  func(untreated, treated *draft)
	want   State
	reason string // part of a reason; empty: there must be none
}

func check(t *testing.T, sp Spec, tests []spoiled) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, tr := untreatedOf(sp), treatedOf(sp)
			tt.spoil(u, tr)
			v := Evaluate(records(u, tr), sp)
			all := strings.Join(v.Reasons, "\n")
			if v.Verdict != tt.want {
				t.Fatalf("verdict %s, want %s; reasons:\n%s", v.Verdict, tt.want, all)
			}
			if tt.reason == "" && all != "" || !strings.Contains(all, tt.reason) {
				t.Fatalf("reasons:\n%s\nwant one with %q", all, tt.reason)
			}
		})
	}
}

// nothing removes all that a tool which never alarms would not have caused: the API stays red to the end.
func nothing(_, tr *draft) {
	tr.drop(is(Finding)).drop(isTool(RecoverStart)).drop(isTool(RecoverExit)).drop(is(Cut))
	tr.drop(func(e Event) bool { return e.Kind == Phase && e.Name == PhaseSoak })
	tr.set("api", 11*s, 60*s, false)
}

func TestEveryToolGetsItsVerdict(t *testing.T) {
	check(t, spec(), []spoiled{
		{"one that works passes", func(_, _ *draft) {}, Pass, ""},
		{"one that does nothing", nothing, Fail, "treated: nothing detected"},
		{"one that does nothing and whose writes cannot be read", func(u, tr *draft) {
			nothing(u, tr)
			tr.drop(is(Writes))
		}, Fail, "treated: not recovered: probe api red since +1.2 s"},
		{"late", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.At = 18*s + 500*ms })
			tr.each(isTool(RecoverStart), func(e *Event) { e.At = 18*s + 600*ms })
		}, Fail, "detect 7.3 s > 5 s by 2.3 s"},
		{"exactly in time passes", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.At = 16*s + 200*ms })
		}, Pass, ""},
		{"late by less than a millisecond", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.At = 16*s + 200*ms + 1 })
		}, Fail, "detect 5.001 s > 5 s by 0.001 s"},
		{"wrong culprit", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.Finding.Culprit = "dns/coredns" })
		}, Fail, "named dns/coredns, not etcd/server"},
		{"another right answer passes", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.Finding.Culprit = "etcd/peer" })
		}, Pass, ""},
		{"only a warning", func(_, tr *draft) {
			tr.each(is(Finding), func(e *Event) { e.Finding.Severity = Warning })
		}, Fail, "nothing detected"},
		{"blames everything always", func(_, tr *draft) {
			for at := 2 * s; at < 50*s; at += 2 * s {
				tr.add(finding(at, Critical, "apiserver"), finding(at, Critical, "etcd/server"))
			}
		}, Fail, "8 false alarms before the injection, the first at -8.0 s: apiserver"},
		{"a warning before the injection passes", func(_, tr *draft) {
			tr.add(finding(5*s, Warning, "etcd/server"))
		}, Pass, ""},
		{"says done without doing", func(_, tr *draft) {
			tr.set("api", 11*s, 60*s, false).drop(is(Cut))
			tr.drop(func(e Event) bool { return e.Kind == Phase && e.Name == PhaseSoak })
		}, Fail, "not recovered: probe api red since +1.2 s and at the end: connection refused"},
		{"heals and relapses", func(_, tr *draft) { tr.set("api", 30*s, 60*s, false) }, Fail, "relapse: probe api red again at +20.2 s, 7.2 s into the soak"},
		{"heals, relapses once and heals again", func(_, tr *draft) { tr.set("site", 30*s, 31*s, false) }, Fail, "relapse: probe site red again"},
		{"relapses after the soak but before the end", func(_, tr *draft) { tr.set("site", 54*s, 55*s, false) }, Fail, "relapse: probe site"},
		{"recovery crashes although all is green", func(_, tr *draft) {
			tr.each(isTool(RecoverExit), func(e *Event) { e.OK, e.Error = false, "exit status 2" })
		}, Fail, "recovery command failed at +12.0 s: exit status 2"},
		{"recovery never ends", func(_, tr *draft) { tr.drop(isTool(RecoverExit)) }, Fail, "did not end"},
		{"recovery ends after the arm", func(_, tr *draft) {
			tr.each(isTool(RecoverExit), func(e *Event) { e.At = 56 * s })
		}, Fail, "did not end"},
		{"recovery cannot be started", func(_, tr *draft) {
			tr.each(isTool(RecoverStart), func(e *Event) { e.OK, e.Error = false, "no such file" })
		}, Fail, "could not be started: no such file"},
		{"detector cannot be started", func(u, tr *draft) {
			nothing(u, tr)
			tr.each(isTool(DetectStart), func(e *Event) { e.OK, e.Error = false, "no such file" })
		}, Fail, "the detector could not be started: no such file"},
		{"detector crashes", func(_, tr *draft) {
			tr.add(Event{Kind: ToolEvent, Name: DetectExit, At: 40 * s, Error: "signal: killed"})
		}, Fail, "the detector failed at +30.0 s: signal: killed"},
		{"detector stopped after the end passes", func(_, tr *draft) {
			tr.add(Event{Kind: ToolEvent, Name: DetectExit, At: 56 * s, Error: "signal: killed"})
		}, Pass, ""},
		{"recovers too late for the soak", func(u, tr *draft) {
			tr.drop(is(Cut)).set("api", 11*s, 45*s, false)
			tr.drop(func(e Event) bool { return e.Kind == Phase && e.Name == PhaseSoak })
		}, Fail, "green again only at +35.2 s, 9.78 s before the end"},
		{"loses acknowledged writes", func(_, tr *draft) {
			tr.each(is(Writes), func(e *Event) { e.OK, e.Error = false, "key 17 is gone" })
		}, Fail, "acknowledged writes lost: key 17 is gone"},
	})
}

func TestTheTreatedArmIsInconclusiveWhenTheMeasurementIsInDoubt(t *testing.T) {
	check(t, spec(), []spoiled{
		{"no bite", func(_, tr *draft) { tr.set("api", 11*s, 20*s, true) }, Inconclusive, "treated: no bite"},
		{"healed by itself", func(_, tr *draft) {
			tr.set("api", 12*s, 20*s, true).each(isTool(RecoverStart), func(e *Event) { e.At = 13 * s })
		}, Inconclusive, "treated: healed by itself: green again at +2.2 s, before the recovery started"},
		{"writes not read back", func(_, tr *draft) { tr.drop(is(Writes)) }, Inconclusive, "writes were not read back"},
		{"host clock not compared", func(_, tr *draft) { tr.drop(is(HostClock)) }, Inconclusive, "host's clock was not compared"},
		{"host clock moved", func(_, tr *draft) {
			tr.each(is(HostClock), func(e *Event) { e.OK, e.Error = false, "by 3600 s" })
		}, Inconclusive, "host's clock was moved: by 3600 s"},
		{"reverted by the harness", func(_, tr *draft) {
			tr.add(Event{Kind: Revert, Name: "restore", At: 15 * s, OK: true})
		}, Inconclusive, "the harness reverted before the end, at +5.0 s"},
		{"injection failed", func(_, tr *draft) {
			tr.each(is(Fault), func(e *Event) { e.OK, e.Error = false, "no openssl" })
		}, Inconclusive, "injection of etcd-certs-expired failed: no openssl"},
		{"injection lost", func(_, tr *draft) { tr.drop(is(Fault)) }, Inconclusive, "no fault was injected"},
		{"red before the injection", func(_, tr *draft) { tr.set("site", 5*s, 6*s, false) }, Inconclusive, "probe site was red before the injection, at -4.8 s"},
		{"red alarm before the injection is no false alarm alone", func(_, tr *draft) {
			tr.set("site", 5*s, 6*s, false).add(finding(6*s, Critical, "etcd/server"))
		}, Inconclusive, "probe site was red before"},
		{"no probe of a name", func(_, tr *draft) { tr.drop(isProbe("site")) }, Inconclusive, "probe site was not checked before the injection"},
		{"no check before the injection", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return e.Kind == Probe && e.At < 10*s })
		}, Inconclusive, "was not checked before the injection"},
		{"gap of just over three intervals", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 30*s && e.At < 33*s })
		}, Inconclusive, "probe gap: site was not checked for 4 s from +19.2 s on"},
		{"gap of three intervals passes", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 30*s && e.At < 32*s })
		}, Pass, ""},
		{"gap at the start", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At < 4*s })
		}, Inconclusive, "probe gap: site was not checked for 4.2 s from -10.0 s on"},
		{"unanswered checks at the end pass", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At >= 51*s })
		}, Pass, ""},
		{"gap at the end", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At >= 49*s })
		}, Inconclusive, "probe gap: site was not checked after +38.2 s"},
		{"detector not started", func(_, tr *draft) { tr.drop(isTool(DetectStart)) }, Inconclusive, "the detector was not started"},
		{"detector started after the injection", func(_, tr *draft) {
			tr.each(isTool(DetectStart), func(e *Event) { e.At = 11 * s })
		}, Inconclusive, "not started before the injection"},
		{"soak too short", func(_, tr *draft) { tr.each(is(Cut), func(e *Event) { e.At = 26 * s }) }, Inconclusive, "the soak lasted 29 s of 30 s"},
		{"cut failed", func(_, tr *draft) {
			tr.each(is(Cut), func(e *Event) { e.OK, e.Error = false, "no ss" })
		}, Inconclusive, "connections were not cut in the soak: no ss"},
		{"soak lost", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return e.Kind == Phase && e.Name == PhaseSoak })
		}, Inconclusive, "no phase soak"},
		{"broken off", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return e.Kind == Phase && e.Name == PhaseEnd })
		}, Inconclusive, "no phase end"},
	})
}

func TestTimesAreMeasuredFromTheBite(t *testing.T) {
	v := Evaluate(records(untreatedOf(spec()), treatedOf(spec())), spec())
	// bite 11.2, finding 12, first green check scheduled 20.2 and answered 20.22, recover command started 12.1
	if *v.DetectS != 0.8 || *v.RecoverS != 9.02 || *v.HealS != 8.12 {
		t.Errorf("detect %v recover %v heal %v", *v.DetectS, *v.RecoverS, *v.HealS)
	}
	if v.Culprit != "etcd/server" || len(v.WrongCulprits) != 0 || v.FalseAlarms != 0 {
		t.Errorf("culprit %q wrong %v false alarms %d", v.Culprit, v.WrongCulprits, v.FalseAlarms)
	}
	for _, o := range v.Objectives {
		if !o.OK || o.MeasuredS == nil {
			t.Errorf("objective %+v", o)
		}
	}
}

func TestAFindingBeforeTheBiteTookNoTime(t *testing.T) {
	tr := treatedOf(spec()).each(is(Finding), func(e *Event) { e.At = 10*s + 300*ms })
	if v := Evaluate(records(untreatedOf(spec()), tr), spec()); v.DetectS == nil || *v.DetectS != 0 {
		t.Errorf("detect %v", v.DetectS)
	}
}

func TestAWrongCulpritBeforeTheRightOneIsRecorded(t *testing.T) {
	tr := treatedOf(spec()).add(finding(11*s+500*ms, Critical, "apiserver"), finding(11*s+600*ms, Critical, "apiserver"))
	v := Evaluate(records(untreatedOf(spec()), tr), spec())
	if v.Verdict != Fail || v.Culprit != "apiserver" || len(v.WrongCulprits) != 1 || v.WrongCulprits[0] != "apiserver" {
		t.Errorf("%s culprit %q wrong %v", v.Verdict, v.Culprit, v.WrongCulprits)
	}
	if want := "treated: named apiserver before the right culprit"; len(v.Reasons) != 1 || v.Reasons[0] != want {
		t.Errorf("%v, want %s", v.Reasons, want)
	}
	if v.DetectS == nil || *v.DetectS != 0.8 {
		t.Errorf("detect %v", v.DetectS)
	}
}

func TestWhoNamesAWrongCulpritFirstFails(t *testing.T) {
	right, also, wrong := "etcd/server", "etcd/peer", "apiserver"
	for _, tt := range []struct {
		name     string
		critical []string // all in one instant, in this order, before the recovery starts
		later    []string // after it started
		want     State
		recorded int
	}{
		{"only the right one", []string{right}, nil, Pass, 0},
		{"another right one first", []string{also, right}, nil, Pass, 0},
		{"the wrong one first", []string{wrong, right}, nil, Fail, 1},
		{"the wrong one after", []string{right, wrong, wrong}, nil, Pass, 1},
		{"wrong ones around it", []string{wrong, right, "dns/coredns"}, nil, Fail, 2},
		{"everything", []string{"admin", "api", "authorizer", "ca", "scheduler", wrong, right, "etcd/ca"}, nil, Fail, 7},
		{"a wrong one after the recovery started", []string{right}, []string{wrong}, Pass, 0},
		{"the right one only after it", []string{wrong}, []string{"dns/coredns", right}, Fail, 2},
	} {
		tr := treatedOf(spec()).drop(is(Finding))
		for _, c := range tt.critical {
			tr.add(finding(12*s, Critical, c))
		}
		for _, c := range tt.later {
			tr.add(finding(13*s, Critical, c))
		}
		v := Evaluate(records(untreatedOf(spec()), tr), spec())
		if v.Verdict != tt.want || len(v.WrongCulprits) != tt.recorded {
			t.Errorf("%s: %s, wrong %v: %v", tt.name, v.Verdict, v.WrongCulprits, v.Reasons)
		}
	}
	if got := listed([]string{"a", "b", "c", "d", "e", "f", "g"}); got != "a, b, c, d, e and 2 more" || listed([]string{"a", "b", "c", "d", "e"}) != "a, b, c, d, e" {
		t.Error(got)
	}
}

// ended55 leaves out what comes after the recovery: the arm ended at 55 s before a soak could begin.
func ended55(tr *draft) *draft {
	return tr.drop(is(Cut)).drop(is(Writes)).drop(isPhase(PhaseSoak))
}

func TestARecoveryThatDoesNotReachTheSoakIsTheToolsFailure(t *testing.T) {
	killed := func(e *Event) { e.OK, e.Error = false, "the recover command did not end within 2m0s" }
	tests := []spoiled{
		{"hangs until its deadline with the API green", func(_, tr *draft) {
			ended55(tr).each(isTool(RecoverExit), at(54*s)).each(isTool(RecoverExit), killed)
		}, Fail, "recovery command failed at +44.0 s: the recover command did not end within 2m0s"},
		{"hangs beyond the end with the API green", func(_, tr *draft) {
			ended55(tr).drop(isTool(RecoverExit))
		}, Fail, "the recovery command did not end before the arm did"},
		{"fails at once with the API green", func(_, tr *draft) { ended55(tr).each(isTool(RecoverExit), killed) }, Fail, "recovery command failed"},
		{"ends well just before the end", func(_, tr *draft) {
			ended55(tr).each(isTool(RecoverExit), at(54*s+500*ms))
		}, Fail, "the recovery did not end in time: it ended at +44.5 s, 0.5 s before the end of the arm, and probe api, site was not seen green"},
		{"its last probe answers after the end", func(_, tr *draft) {
			ended55(tr).each(isTool(RecoverExit), at(54*s)).each(func(e Event) bool { return isProbe("site")(e) && e.At > 54*s },
				func(e *Event) { e.Took = 2 * s })
		}, Fail, "and probe site was not seen green after that"},
		{"ends well and all is green, but the soak is lost", func(_, tr *draft) { ended55(tr) }, Inconclusive, "the record has no phase soak"},
	}
	check(t, spec(), tests)
	tests[0].spoil = func(_, tr *draft) { ended55(tr).each(isTool(RecoverExit), killed) }
	tests[0].reason = "recovery command failed"
	check(t, latent(), tests)
	check(t, spec(), []spoiled{
		{"exits well and is never green", func(_, tr *draft) { ended55(tr).set("api", 11*s, 60*s, false) }, Fail,
			"not recovered: probe api red since +1.2 s and at the end"},
		{"exits well, green until its last check", func(_, tr *draft) {
			ended55(tr).add(Event{Kind: Probe, Name: "api", At: 54*s + 900*ms, Took: 50 * ms, Error: "refused"})
		}, Fail, "not recovered: probe api red since +1.2 s and at the end"},
		{"no alarm at all", nothing, Fail, "nothing detected"},
		{"no alarm at all, another probe red", func(u, tr *draft) {
			nothing(u, tr)
			tr.drop(is(Writes)).set("site", 20*s, 60*s, false)
		}, Fail, "not recovered: probe site red since +10.2 s and at the end"},
	})
}

// A check that was under way when the injection began may have been struck by it: it is the bite, at the injection.
func TestACheckUnderWayAtTheInjectionCanBeTheBite(t *testing.T) {
	tr := treatedOf(spec())
	tr.each(func(e Event) bool { return isProbe("api")(e) && e.At == 9*s+200*ms }, func(e *Event) { e.OK, e.Took = false, 2*s })
	v := Evaluate(records(untreatedOf(spec()), tr), spec())
	if v.Verdict != Pass || *v.DetectS != 2 {
		t.Errorf("%s detect %v: %v", v.Verdict, *v.DetectS, v.Reasons)
	}
	tr.each(func(e Event) bool { return isProbe("api")(e) && e.At == 9*s+200*ms }, func(e *Event) { e.Took = 800 * ms })
	if v := Evaluate(records(untreatedOf(spec()), tr), spec()); v.Verdict != Inconclusive {
		t.Errorf("answered red before the injection: %s", v.Verdict)
	}
}

// Of overlapping checks the later one can answer first: the order of the file does not matter.
func TestResultsOutOfOrderAreSortedBySchedule(t *testing.T) {
	tr := treatedOf(spec())
	tr.each(func(e Event) bool { return isProbe("api")(e) && e.At == 19*s+200*ms }, func(e *Event) { e.Took = 2 * s }) // red at 21.2
	v := Evaluate(records(untreatedOf(spec()), tr), spec())
	if v.Verdict != Pass || *v.RecoverS != 9.02 {
		t.Errorf("%s recover %v: %v", v.Verdict, v.RecoverS, v.Reasons)
	}
}

// The API that answers once before it dies has not healed.
func TestHealIsTheAnswerThatLasts(t *testing.T) {
	tr := treatedOf(spec()).set("api", 13*s, 14*s, true)
	v := Evaluate(records(untreatedOf(spec()), tr), spec())
	if v.HealS == nil || *v.HealS != 8.12 {
		t.Errorf("heal %v", v.HealS)
	}
}

func TestEachExceededObjectiveFailsByHowMuch(t *testing.T) {
	for metric, want := range map[Metric]string{
		Detect: "detect 0.8 s > 0.5 s by 0.3 s", Recover: "recover 9.02 s > 0.5 s by 8.52 s", Heal: "heal 8.12 s > 0.5 s by 7.62 s",
	} {
		sp := spec()
		sp.Objectives = []Objective{{metric, 500 * ms}}
		v := Evaluate(records(untreatedOf(sp), treatedOf(sp)), sp)
		if v.Verdict != Fail || len(v.Reasons) != 1 || v.Reasons[0] != "treated: "+want || v.Objectives[0].OK {
			t.Errorf("%s %v %+v, want %s", v.Verdict, v.Reasons, v.Objectives, want)
		}
	}
}

func TestAnObjectiveThatWasNotMeasuredIsNeverMet(t *testing.T) {
	j := &judge{spec: spec(), judged: true}
	j.objectives()
	if got := j.verdict(); got.State != Inconclusive || len(got.Reasons) != 3 {
		t.Errorf("%+v", got)
	}
	for _, r := range j.measured.results(j.spec.Objectives) {
		if r.OK || r.MeasuredS != nil {
			t.Errorf("%+v", r)
		}
	}
}
