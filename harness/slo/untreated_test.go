package slo

import (
	"testing"
	"time"
)

func TestTheUntreatedArmMustShowTheOutage(t *testing.T) {
	check(t, spec(), []spoiled{
		{"no bite", func(u, _ *draft) { u.set("api", 0, 60*s, true) }, Inconclusive, "untreated: no bite"},
		{"healed by itself", func(u, _ *draft) { u.set("api", 22*s, 61*s, true) }, Inconclusive, "untreated: healed by itself at +12.2 s: probe api"},
		{"flaps back to green once", func(u, _ *draft) { u.set("api", 30*s, 31*s, true) }, Inconclusive, "probe api was green again at +20.2 s"},
		{"flaps before the hold passes", func(u, _ *draft) {
			u.each(is(Phase), func(e *Event) {
				if e.Name == PhaseHold {
					e.At = 16 * s
				}
			}).set("api", 14*s, 15*s, true)
		}, Pass, ""},
		{"red only in its last check", func(u, _ *draft) { u.set("api", 0, 59*s, true) }, Inconclusive, "the hold is too short: probe api has only 1 red checks"},
		{"symptom not seen", func(u, _ *draft) { u.each(is(Symptom), func(e *Event) { e.OK = false }) }, Inconclusive, "symptom not seen: etcd logs"},
		{"symptom not looked for", func(u, _ *draft) { u.drop(is(Symptom)) }, Inconclusive, "symptom not seen"},
		{"symptom there before", func(u, _ *draft) { u.each(is(Symptom), func(e *Event) { e.At = 5 * s }) }, Inconclusive, "symptom was there before"},
		{"another probe red", func(u, _ *draft) { u.set("site", 30*s, 31*s, false) }, Inconclusive, "probe site turned red unexpectedly, at +20.2 s"},
		{"a tool ran", func(u, _ *draft) { u.add(finding(12*s, Warning, "x")) }, Inconclusive, "untreated: a tool ran"},
		{"gap in the hold", func(u, _ *draft) {
			u.drop(func(e Event) bool { return isProbe("api")(e) && e.At > 30*s && e.At < 34*s })
		}, Inconclusive, "untreated: probe gap: api"},
		{"no check in the hold", func(u, _ *draft) {
			u.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 10*s })
		}, Inconclusive, "probe site was checked only 0 times"},
		{"reverted in the hold", func(u, _ *draft) { u.each(is(Revert), func(e *Event) { e.At = 59 * s }) }, Inconclusive, "reverted before the end"},
		{"clock not compared", func(u, _ *draft) { u.drop(is(HostClock)) }, Inconclusive, "untreated: the host's clock"},
		{"a failure of the tool counts for nothing then", func(u, tr *draft) {
			u.set("api", 0, 61*s, true)
			nothing(u, tr)
		}, Inconclusive, "treated: nothing detected"},
	})
}

func TestEveryNamedProbeMustTurnRed(t *testing.T) {
	sp := spec()
	sp.Probes[1].Red = true
	u, tr := untreatedOf(sp), treatedOf(sp)
	if v := Evaluate(records(u, tr), sp); v.Verdict != Inconclusive || v.Arms[Untreated].Reasons[0] != "probe site stayed green" {
		t.Errorf("%s %v", v.Verdict, v.Reasons)
	}
	u.set("site", 15*s, 61*s, false)
	if v := Evaluate(records(u, tr), sp); v.Verdict != Pass {
		t.Errorf("%s %v", v.Verdict, v.Reasons)
	}
}

func TestAProbeMustBeRedForTheReasonTheScenarioGives(t *testing.T) {
	sp := spec()
	sp.Probes[1].Red, sp.Probes[1].Says = true, "status 502"
	say := func(text string, from, to time.Duration) func(u, tr *draft) {
		return func(u, _ *draft) {
			u.set("site", 15*s, 61*s, false).each(func(e Event) bool { return isProbe("site")(e) && e.At >= from && e.At < to },
				func(e *Event) { e.Error = text })
		}
	}
	never := `untreated: probe site was red but never said "status 502"`
	check(t, sp, []spoiled{
		{"all say it passes", say("status 502", 15*s, 61*s), Pass, ""},
		{"one says it passes", say("status 502 answered", 30*s, 31*s), Pass, ""},
		{"the last one says it passes", say("status 502", 59*s, 60*s), Pass, ""},
		{"none says it", say("status 500", 15*s, 61*s), Inconclusive, never},
		{"said before the hold only", func(u, tr *draft) {
			say("status 502", 15*s, 16*s)(u, tr)
			u.each(isPhase(PhaseHold), at(16*s))
		}, Inconclusive, never},
		{"said by a green check only", func(u, tr *draft) {
			say("connection refused", 15*s, 61*s)(u, tr)
			u.add(Event{Kind: Probe, Name: "site", At: 12*s + 500*ms, OK: true, Error: "status 502"})
		}, Inconclusive, never},
		{"said by another probe only", func(u, tr *draft) {
			say("connection refused", 15*s, 61*s)(u, tr)
			u.each(isProbe("api"), func(e *Event) { e.Error = "status 502" })
		}, Inconclusive, never},
	})
}

func latent() Spec {
	sp := spec()
	sp.Scenario, sp.Expect.Kind, sp.Cut = "etcd-certs-expired-latent", ExpectWarn, true
	sp.Probes[0].Red = false
	return sp
}

func TestALatentFaultMustBePrevented(t *testing.T) {
	check(t, latent(), []spoiled{
		{"repaired in time passes", func(_, _ *draft) {}, Pass, ""},
		{"turns red untreated", func(u, _ *draft) { u.set("api", 50*s, 60*s, false) }, Inconclusive, "probe api turned red unexpectedly"},
		{"symptom not seen", func(u, _ *draft) { u.drop(is(Symptom)) }, Inconclusive, "symptom not seen"},
		{"says done, found out by the cut", func(_, tr *draft) { tr.set("api", 24*s, 55*s, false) }, Fail, "probe api turned red at +14.2 s, the outage was not prevented"},
		{"not cut", func(_, tr *draft) { tr.drop(is(Cut)) }, Inconclusive, "connections were not cut"},
		{"red once", func(_, tr *draft) { tr.set("site", 13*s, 14*s, false) }, Fail, "probe site turned red at +3.2 s"},
		{"recovery crashes", func(_, tr *draft) { tr.each(isTool(RecoverExit), func(e *Event) { e.OK = false }) }, Fail, "recovery command failed"},
		{"never recovers", func(_, tr *draft) { tr.drop(isTool(RecoverStart)).drop(isTool(RecoverExit)) }, Fail, "recovery never started"},
		{"late from the injection", func(_, tr *draft) { tr.each(is(Finding), func(e *Event) { e.At = 16 * s }) }, Fail, "detect 6 s > 5 s by 1 s"},
		{"recovery slow", func(_, tr *draft) {
			tr.each(isTool(RecoverStart), func(e *Event) { e.At = 12 * s }).each(isTool(RecoverExit), func(e *Event) { e.At = 32*s + 500*ms })
			tr.spec.Soak = 0
		}, Inconclusive, "the soak lasted 22.5 s of 30 s"},
		{"writes not read", func(_, tr *draft) { tr.drop(is(Writes)) }, Inconclusive, "not read back"},
	})
	v := Evaluate(records(untreatedOf(latent()), treatedOf(latent())), latent())
	if *v.DetectS != 2 || *v.RecoverS != 0 || *v.HealS != 9.9 {
		t.Errorf("detect %v recover %v heal %v", *v.DetectS, *v.RecoverS, *v.HealS)
	}
}

func TestAFaultThatHealsByItself(t *testing.T) {
	sp := spec()
	sp.Expect = Effect{Kind: ExpectHeals, Within: 15 * s}
	heals := func(u *draft) *draft { return u.set("api", 25*s, 61*s, true) }
	check(t, sp, []spoiled{
		{"in time passes", func(u, _ *draft) { heals(u) }, Pass, ""},
		{"not at all", func(_, _ *draft) {}, Inconclusive, "probe api did not heal before the end"},
		{"too late", func(u, _ *draft) { u.set("api", 27*s, 61*s, true) }, Inconclusive, "healed 16.02 s after the bite, expected within 15 s"},
		{"not to the end", func(u, _ *draft) { heals(u).set("api", 58*s, 59*s, false) }, Inconclusive, "did not heal before the end"},
		{"never red", func(u, _ *draft) { u.set("api", 0, 61*s, true) }, Inconclusive, "no bite"},
		{"treated is red to the end", func(u, tr *draft) { nothing(heals(u), tr) }, Fail, "not recovered"},
	})
}

func harmless() Spec {
	sp := spec()
	sp.Scenario, sp.Expect.Kind, sp.Culprit, sp.Also, sp.Objectives = "look-alike", ExpectNone, "", nil, nil
	sp.Probes[0].Red = false
	return sp
}

func TestWhereThereIsNothingToFindTheToolMustBeSilent(t *testing.T) {
	silent := func(tr *draft) *draft {
		return tr.drop(is(Finding)).drop(isTool(RecoverStart)).drop(isTool(RecoverExit))
	}
	check(t, harmless(), []spoiled{
		{"silent passes", func(_, tr *draft) { silent(tr) }, Pass, ""},
		{"a warning passes", func(_, tr *draft) { silent(tr).add(finding(20*s, Warning, "etcd/server")) }, Pass, ""},
		{"critical", func(_, tr *draft) {}, Fail, "1 false alarms where there is nothing to find"},
		{"silent because it crashed", func(_, tr *draft) {
			silent(tr).add(Event{Kind: ToolEvent, Name: DetectExit, At: 15 * s})
		}, Fail, "the detector failed"},
		{"silent because it left", func(_, tr *draft) {
			silent(tr).add(Event{Kind: ToolEvent, Name: DetectExit, At: 15 * s, OK: true})
		}, Fail, "it watched only in part"},
		{"silent because it never ran", func(_, tr *draft) { silent(tr).drop(isTool(DetectStart)) }, Inconclusive, "not started"},
		{"breaks something", func(_, tr *draft) { silent(tr).set("site", 20*s, 21*s, false) }, Fail, "probe site turned red"},
		{"untreated turns red", func(u, tr *draft) { silent(tr); u.set("site", 20*s, 21*s, false) }, Inconclusive, "unexpectedly"},
		{"writes not read", func(_, tr *draft) { silent(tr).drop(is(Writes)) }, Inconclusive, "not read back"},
	})
}

func TestTheShamArm(t *testing.T) {
	sp := spec()
	sp.Arms = append(sp.Arms, Sham)
	for _, tt := range []struct {
		name  string
		spoil func(*draft)
		want  State
	}{
		{"quiet passes", func(*draft) {}, Pass},
		{"a warning passes", func(d *draft) { d.add(finding(5*s, Warning, "x")) }, Pass},
		{"alarm", func(d *draft) { d.add(finding(5*s, Critical, "etcd/server")) }, Fail},
		{"red", func(d *draft) { d.set("site", 5*s, 6*s, false) }, Inconclusive},
		{"red and alarm", func(d *draft) { d.set("site", 5*s, 6*s, false).add(finding(5*s, Critical, "x")) }, Inconclusive},
		{"fault", func(d *draft) { d.add(Event{Kind: Fault, At: 5 * s, OK: true}) }, Inconclusive},
		{"cut failed", func(d *draft) { d.add(Event{Kind: Cut, At: 5 * s}) }, Inconclusive},
		{"detector crashed", func(d *draft) { d.add(Event{Kind: ToolEvent, Name: DetectExit, At: 5 * s}) }, Fail},
		{"detector left", func(d *draft) { d.add(Event{Kind: ToolEvent, Name: DetectExit, At: 5 * s, OK: true}) }, Fail},
		{"detector never ran", func(d *draft) { d.drop(is(ToolEvent)) }, Inconclusive},
		{"no probes", func(d *draft) { d.drop(is(Probe)) }, Inconclusive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sh := shamOf(sp)
			tt.spoil(sh)
			v := Evaluate(records(untreatedOf(sp), treatedOf(sp), sh), sp)
			if v.Verdict != tt.want {
				t.Errorf("%s, want %s: %v", v.Verdict, tt.want, v.Reasons)
			}
			if alarmed := v.FalseAlarms > 0; tt.name == "alarm" && !alarmed {
				t.Error("the alarm was not counted")
			}
		})
	}
}
