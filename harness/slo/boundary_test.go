package slo

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func at(when time.Duration) func(*Event) { return func(e *Event) { e.At = when } }

func isPhase(name string) func(Event) bool {
	return func(e Event) bool { return e.Kind == Phase && e.Name == name }
}

func TestTheBordersOfTheJudgedTime(t *testing.T) {
	check(t, spec(), []spoiled{
		{"finding at the injection passes", func(_, tr *draft) { tr.each(is(Finding), at(10*s)) }, Pass, ""},
		{"finding at the start", func(_, tr *draft) { tr.add(finding(0, Critical, "etcd/server")) }, Fail, "1 false alarms before"},
		{"finding at the end is late", func(_, tr *draft) { tr.each(is(Finding), at(55*s)) }, Fail, "detect 43.8 s > 5 s"},
		{"finding after the end", func(_, tr *draft) { tr.each(is(Finding), at(55*s+1)) }, Fail, "nothing detected"},
		{"before the start nothing counts", func(_, tr *draft) {
			tr.each(isPhase(PhaseSteady), at(1*s)).set("api", 0, 1*s, false).add(finding(ms, Critical, "x"))
		}, Pass, ""},
		{"red at the start", func(_, tr *draft) {
			tr.each(isPhase(PhaseSteady), at(200*ms)).set("api", 0, 1*s, false)
		}, Inconclusive, "red before the injection"},
		{"red at the end", func(_, tr *draft) { tr.add(Event{Kind: Probe, Name: "site", At: 55 * s}) }, Fail, "relapse"},
		{"after the end nothing counts", func(_, tr *draft) { tr.add(Event{Kind: Probe, Name: "site", At: 55*s + 1}) }, Pass, ""},
		{"detector started at the injection", func(_, tr *draft) { tr.each(isTool(DetectStart), at(10*s)) }, Inconclusive, "not started before"},
		{"detector crashes at the end", func(_, tr *draft) { tr.add(Event{Kind: ToolEvent, Name: DetectExit, At: 55 * s}) }, Fail, "the detector failed"},
		{"recovery ends at the end passes", func(_, tr *draft) { tr.each(isTool(RecoverExit), at(55*s)) }, Pass, ""},
		{"recovery started with the first green check passes", func(_, tr *draft) { tr.each(isTool(RecoverStart), at(20*s+220*ms)) }, Pass, ""},
		{"soak just long enough passes", func(_, tr *draft) { tr.each(is(Cut), at(25*s)) }, Pass, ""},
		{"cut at the end", func(_, tr *draft) { tr.each(is(Cut), at(55*s)) }, Inconclusive, "the soak lasted 0 s of 30 s"},
		{"fault at the injection passes", func(_, tr *draft) { tr.each(is(Fault), at(10*s)) }, Pass, ""},
		{"fault at the end passes", func(_, tr *draft) { tr.each(is(Fault), at(55*s)) }, Pass, ""},
		{"fault too early", func(_, tr *draft) { tr.each(is(Fault), at(10*s-1)) }, Inconclusive, "outside of its phase"},
		{"fault too late", func(_, tr *draft) { tr.each(is(Fault), at(55*s+1)) }, Inconclusive, "outside of its phase"},
		{"revert at the end passes", func(_, tr *draft) { tr.each(is(Revert), at(55*s)) }, Pass, ""},
		{"revert just before it", func(_, tr *draft) { tr.each(is(Revert), at(55*s-1)) }, Inconclusive, "reverted before"},
		{"red at the injection is the bite", func(_, tr *draft) {
			tr.add(Event{Kind: Probe, Name: "api", At: 10 * s}).each(is(Finding), at(15*s+1))
		}, Fail, "detect 5.001 s > 5 s"},
		{"last expected check three intervals before the end passes", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 50*s }).add(Event{Kind: Probe, Name: "site", At: 50 * s, OK: true})
		}, Pass, ""},
		{"symptom at the injection passes", func(u, _ *draft) { u.each(is(Symptom), at(10*s)) }, Pass, ""},
		{"symptom at the end passes", func(u, _ *draft) { u.each(is(Symptom), at(60*s)) }, Pass, ""},
		{"another cut after the end passes", func(_, tr *draft) { tr.add(Event{Kind: Cut, At: 56 * s}) }, Pass, ""},
		{"recovery started at the injection passes", func(_, tr *draft) {
			tr.each(isTool(RecoverStart), at(10*s))
		}, Pass, ""},
		{"symptom after the end", func(u, _ *draft) { u.each(is(Symptom), at(60*s+1)) }, Inconclusive, "symptom not seen"},
		{"green answered when the hold begins passes", func(u, _ *draft) {
			u.each(func(e Event) bool { return isProbe("api")(e) && e.At == 11*s+200*ms }, func(e *Event) { e.Took = 100 * ms }).
				add(Event{Kind: Probe, Name: "api", At: 11*s + 300*ms, Took: 700 * ms, OK: true})
		}, Pass, ""},
		{"green answered just after", func(u, _ *draft) {
			u.add(Event{Kind: Probe, Name: "api", At: 11*s + 300*ms, Took: 700*ms + 1, OK: true})
		}, Inconclusive, "green again at +1.3 s"},
	})
}

// The cut that a scenario asks for must lie in the soak.
func TestACutOutsideOfTheSoakIsNone(t *testing.T) {
	check(t, latent(), []spoiled{
		{"at its start passes", func(_, tr *draft) { tr.each(is(Cut), at(23*s)) }, Pass, ""},
		{"before it", func(_, tr *draft) { tr.each(is(Cut), at(23*s-1)) }, Inconclusive, "connections were not cut"},
		{"after the end", func(_, tr *draft) { tr.each(is(Cut), at(55*s+1)) }, Inconclusive, "connections were not cut"},
		{"recovery that never ends", func(_, tr *draft) { tr.drop(isTool(RecoverExit)) }, Fail, "did not end"},
		{"recovery that cannot start", func(_, tr *draft) { tr.each(isTool(RecoverStart), func(e *Event) { e.OK = false }) }, Fail, "could not be started"},
		{"healed within the last interval", func(_, tr *draft) { tr.each(isTool(RecoverExit), at(54*s)) }, Inconclusive, "the soak lasted 1 s"},
	})
}

// A rare probe needs two checks after the injection and one in the soak.
func TestARareProbeNeedsFewChecks(t *testing.T) {
	sp := spec()
	sp.Probes[1].Interval = 20 * s
	check(t, sp, []spoiled{
		{"two pass", func(_, _ *draft) {}, Pass, ""},
		{"one", func(u, _ *draft) {
			u.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 40*s })
		}, Inconclusive, "probe site was checked only 1 times"},
		{"none in the soak", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return isProbe("site")(e) && e.At > 40*s })
			tr.add(Event{Kind: Probe, Name: "site", At: 15 * s, OK: true})
		}, Inconclusive, "probe site was not checked in the soak"},
	})
}

func TestWhatWasNotProvenIsNotMeasured(t *testing.T) {
	for name, spoil := range map[string]func(*draft){
		"relapse":   func(tr *draft) { tr.set("api", 30*s, 31*s, false) },
		"no soak":   func(tr *draft) { tr.drop(isPhase(PhaseSoak)) },
		"soak cut":  func(tr *draft) { tr.each(is(Cut), at(40*s)) },
		"red":       func(tr *draft) { nothing(nil, tr) },
		"no bite":   func(tr *draft) { tr.set("api", 0, 60*s, true) },
		"not begun": func(tr *draft) { tr.drop(isPhase(PhaseRecover)) },
	} {
		tr := treatedOf(spec())
		spoil(tr)
		v := Evaluate(records(untreatedOf(spec()), tr), spec())
		if v.RecoverS != nil || v.HealS != nil || v.Objectives[1].OK || v.Objectives[2].OK {
			t.Errorf("%s: recover %v heal %v %+v", name, v.RecoverS, v.HealS, v.Objectives)
		}
	}
}

func TestAProbeThatStayedGreenDoesNotDelayTheRecovery(t *testing.T) {
	tr := treatedOf(spec()).each(func(e Event) bool { return isProbe("site")(e) && e.At > 9*s }, func(e *Event) { e.Took = 14 * s })
	if v := Evaluate(records(untreatedOf(spec()), tr), spec()); v.Verdict != Pass || *v.RecoverS != 9.02 {
		t.Errorf("%s recover %v: %v", v.Verdict, v.RecoverS, v.Reasons)
	}
}

func TestOnlyANamedProbeBites(t *testing.T) {
	tr := treatedOf(spec()).set("site", 10*s, 11*s, false)
	if v := Evaluate(records(untreatedOf(spec()), tr), spec()); v.Verdict != Pass || *v.DetectS != 0.8 {
		t.Errorf("%s detect %v: %v", v.Verdict, v.DetectS, v.Reasons)
	}
}

func TestTheTimelineIsRelativeToTheInjection(t *testing.T) {
	v := Evaluate(records(untreatedOf(spec()), treatedOf(spec())), spec())
	want := []Mark{
		{"injected", 0, ""}, {"bite", 1.2, "probe api"}, {"fault injected", 2, "etcd-certs-expired"}, {"detected", 2, "etcd/server"},
		{"recovery started", 2.1, ""}, {"recovered", 10.22, ""}, {"recovery ended", 12, ""}, {"connections cut", 14, ""}, {"soak ended", 45, ""},
	}
	if got := v.Arms[Treated].Timeline; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if v.RevertIncomplete {
		t.Error("a revert is said to be incomplete")
	}
	for _, o := range v.Objectives {
		if o.Metric == Detect && (o.MaxS != 5 || *o.MeasuredS != 0.8 || !o.OK) {
			t.Errorf("%+v", o)
		}
	}
}

func TestABoundThatIsJustMetIsMet(t *testing.T) {
	sp := spec()
	sp.Objectives[0].Max = 800 * ms
	if v := Evaluate(records(untreatedOf(sp), treatedOf(sp)), sp); v.Verdict != Pass || !v.Objectives[0].OK {
		t.Errorf("%s %v %+v", v.Verdict, v.Reasons, v.Objectives)
	}
}

func TestHealingJustInTimeAndRedJustLongEnough(t *testing.T) {
	sp := spec()
	sp.Expect = Effect{Kind: ExpectHeals, Within: 14*s + 20*ms} // the bite is at 11.2 s, green is answered at 25.22 s
	check(t, sp, []spoiled{
		{"in time passes", func(u, _ *draft) { u.set("api", 25*s, 61*s, true) }, Pass, ""},
		{"by the check after the last red one", func(u, _ *draft) {
			u.set("api", 25*s, 61*s, true).add(Event{Kind: Probe, Name: "api", At: 24*s + 200*ms, OK: true})
		}, Pass, ""},
	})
	sp.Expect.Within = 60 * s
	check(t, sp, []spoiled{
		{"green twice passes", func(u, _ *draft) { u.set("api", 58*s, 61*s, true) }, Pass, ""},
		{"green once", func(u, _ *draft) { u.set("api", 59*s, 61*s, true) }, Inconclusive, "did not heal before the end"},
	})
	check(t, spec(), []spoiled{
		{"red twice passes", func(u, _ *draft) { u.set("api", 0, 58*s, true) }, Pass, ""},
	})
}

func TestATextOfTheGreatestLengthIsWhole(t *testing.T) {
	if text := strings.Repeat("x", clipAt); clip(text) != text {
		t.Error("cut")
	}
}
