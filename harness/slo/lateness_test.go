package slo

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// paced is the outage with a pacemaker beside the probes.
func paced() Spec {
	sp := spec()
	sp.Pace = true
	return sp
}

// beat is a stretch of one second with so many late wake-ups.
func beat(at, worst time.Duration, late int) Event {
	return Event{Kind: Pace, At: at, OK: late == 0, Took: s, Late: worst, Wakes: &Wakes{Due: 20, Late: late}}
}

// late makes the stretches that begin in [from, to) have so many late wake-ups each.
func (d *draft) late(from, to, worst time.Duration, late int) *draft {
	return d.each(func(e Event) bool { return e.Kind == Pace && e.At >= from && e.At < to }, func(e *Event) { *e = beat(e.At, worst, late) })
}

// relapses turns the one check of the site scheduled at 40.2 s red.
func relapses(d *draft) *draft { return d.set("site", 40*s, 41*s, false) }

func inSecond(n time.Duration) func(Event) bool {
	return func(e Event) bool { return e.Kind == Pace && e.At == n*s }
}

func firedLate(probe string, n int, by time.Duration) func(_, tr *draft) {
	return func(_, tr *draft) {
		first := func(e Event) bool {
			if isProbe(probe)(e) {
				n--
				return n >= 0
			}
			return false
		}
		tr.each(first, func(e *Event) { e.Late = by })
	}
}

func TestAnArmInWhichNov30RanLateIsNotJudged(t *testing.T) {
	check(t, paced(), []spoiled{
		{"in time passes", func(_, _ *draft) {}, Pass, ""},
		{"green everywhere but late", func(_, tr *draft) { tr.late(0, 60*s, 90*ms, 3) }, Inconclusive,
			"treated: the machine was overloaded: nov30 itself woke late 60 of 400 times between -10.0 s and +10.0 s, by up to 0.09 s at -10.0 s"},
		{"the untreated arm late", func(u, _ *draft) { u.late(30*s, 50*s, 90*ms, 3) }, Inconclusive, "untreated: the machine was overloaded"},
		{"the tool fails while all is late", func(_, tr *draft) { tr.late(0, 60*s, 90*ms, 3).drop(is(Finding)) }, Inconclusive, "the machine was overloaded"},
		{"one hiccup passes", func(_, tr *draft) { tr.late(30*s, 31*s, 400*ms, 8) }, Pass, ""},
		{"a busy second now and then passes", func(_, tr *draft) {
			for at := 5 * s; at < 60*s; at += 10 * s {
				tr.late(at, at+s, 60*ms, 10)
			}
		}, Pass, ""},
		{"one late wake-up in eight passes", func(_, tr *draft) { tr.late(26*s, 28*s, 60*ms, 17).late(28*s, 29*s, 60*ms, 16) }, Pass, ""},
		{"one more", func(_, tr *draft) { tr.late(26*s, 29*s, 60*ms, 17) }, Inconclusive, "woke late 51 of 400 times"},
		{"the same over more than 20 s passes", func(_, tr *draft) { tr.late(20*s, 22*s, 60*ms, 17).late(40*s, 41*s, 60*ms, 17) }, Pass, ""},
		{"the same within 20 s", func(_, tr *draft) { tr.late(20*s, 22*s, 60*ms, 17).late(39*s, 40*s, 60*ms, 17) }, Inconclusive, "woke late"},
		{"a stall just shorter than the shortest interval passes", func(_, tr *draft) { tr.late(30*s, 31*s, s-1, 20) }, Pass, ""},
		{"a stall as long as it", func(_, tr *draft) { tr.late(30*s, 31*s, s, 20) }, Inconclusive, "the machine was overloaded: nov30 itself did not run for 1 s at +20.0 s"},
	})
}

func TestOnlyLatenessInTheJudgedTimeCounts(t *testing.T) {
	check(t, paced(), []spoiled{
		{"after the end passes", func(_, tr *draft) { tr.late(55*s, 60*s, 3*s, 20) }, Pass, ""},
		{"before the start passes", func(_, tr *draft) { tr.each(isPhase(PhaseSteady), at(4*s)).late(0, 4*s, 3*s, 20) }, Pass, ""},
		{"with the end", func(_, tr *draft) { tr.late(54*s, 55*s, 3*s, 20) }, Inconclusive, "did not run for 3 s"},
		{"with the start", func(_, tr *draft) { tr.each(isPhase(PhaseSteady), at(4*s-1)).late(0, 4*s, 3*s, 20) }, Inconclusive, "did not run for 3 s"},
	})
}

func TestAnArmThatNobodyWatchedIsNotJudged(t *testing.T) {
	check(t, paced(), []spoiled{
		{"not at all", func(_, tr *draft) { tr.drop(is(Pace)) }, Inconclusive, "nobody watched from -10.0 s on whether nov30 itself ran in time"},
		{"a hole of a second", func(_, tr *draft) { tr.drop(inSecond(30)) }, Inconclusive, "nobody watched from +20.0 s on"},
		{"not the untreated arm", func(u, _ *draft) { u.drop(inSecond(30)) }, Inconclusive, "untreated: nobody watched from +20.0 s on"},
		{"not the first second", func(_, tr *draft) { tr.drop(inSecond(0)) }, Inconclusive, "nobody watched from -10.0 s on"},
		{"not the last second", func(_, tr *draft) { tr.drop(func(e Event) bool { return e.Kind == Pace && e.At >= 54*s }) }, Inconclusive, "nobody watched from +44.0 s on"},
		{"nothing after the end passes", func(_, tr *draft) { tr.drop(func(e Event) bool { return e.Kind == Pace && e.At >= 55*s }) }, Pass, ""},
		{"nothing before the start passes", func(_, tr *draft) { tr.each(isPhase(PhaseSteady), at(1*s)).drop(inSecond(0)) }, Pass, ""},
		{"the last wake-up just before the end passes", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return e.Kind == Pace && e.At >= 55*s }).each(isPhase(PhaseEnd), at(55*s+PaceEvery))
		}, Pass, ""},
		{"and earlier", func(_, tr *draft) {
			tr.drop(func(e Event) bool { return e.Kind == Pace && e.At >= 55*s }).each(isPhase(PhaseEnd), at(55*s+PaceEvery+1))
		}, Inconclusive, "nobody watched from +45.0 s on"},
	})
}

func TestWakeUpsThatContradictThemselvesAreUnreadable(t *testing.T) {
	for name, spoil := range map[string]func(*Event){
		"no content":                func(e *Event) { e.Wakes = nil },
		"none was due":              func(e *Event) { e.Wakes = &Wakes{}; e.Took = 0 },
		"fewer than were due":       func(e *Event) { e.Wakes = &Wakes{Due: 19} },
		"more than were due":        func(e *Event) { e.Wakes = &Wakes{Due: 21} },
		"an odd length":             func(e *Event) { e.Took++ },
		"more late than due":        func(e *Event) { *e = beat(e.At, 30*ms, 21) },
		"fewer late than none":      func(e *Event) { *e = beat(e.At, 30*ms, -1) },
		"late, yet not by so much":  func(e *Event) { *e = beat(e.At, WakeLate-1, 1) },
		"none late, yet by so much": func(e *Event) { *e = beat(e.At, WakeLate, 0) },
		"late, yet all is well":     func(e *Event) { *e = beat(e.At, WakeLate, 1); e.OK = true },
		"early":                     func(e *Event) { e.Late = -1 },
		"late for ever":             func(e *Event) { *e = beat(e.At, longest+1, 20) },
	} {
		t.Run(name, func(t *testing.T) {
			tr := treatedOf(paced()).each(inSecond(30), spoil)
			v := Evaluate(records(untreatedOf(paced()), tr), paced())
			if all := strings.Join(v.Reasons, "\n"); v.Verdict != Inconclusive || !strings.Contains(all, "contradict themselves") && !strings.Contains(all, "impossible time") {
				t.Errorf("%s: %s", v.Verdict, all)
			}
		})
	}
}

func TestChecksThatWereFiredLate(t *testing.T) {
	check(t, paced(), []spoiled{ // of 110
		{"less than one in eight passes", firedLate("site", 13, WakeLate), Pass, ""},
		{"more", firedLate("site", 14, WakeLate), Inconclusive, "14 of 110 checks were fired late, the latest of probe site by 0.02 s at -9.8 s"},
		{"all, but by little, passes", firedLate("site", 60, WakeLate-1), Pass, ""},
		{"one by almost an interval passes", firedLate("site", 1, s-1), Pass, ""},
		{"one by an interval", firedLate("site", 1, s), Inconclusive, "the machine was overloaded: probe site was checked 1 s late at -9.8 s"},
	})
}

// Red while nov30 itself did not run says nothing of the cluster, and it is not green, either.
func TestNoJudgementHangsOnARedCheckThatNov30MayHaveMadeRed(t *testing.T) {
	const hangs = "treated: the machine was overloaded: the judgement hangs on 1 red checks that were made while nov30 itself ran late, the first by probe site at +30.2 s"
	check(t, paced(), []spoiled{
		{"a relapse in time", func(_, tr *draft) { relapses(tr) }, Fail, "relapse"},
		{"while it was stalled", func(_, tr *draft) { relapses(tr).late(40*s, 41*s, 200*ms, 4) }, Inconclusive, hangs + ", by up to 0.2 s"},
		{"by less than a tenth of its time", func(_, tr *draft) { relapses(tr).late(40*s, 41*s, 200*ms-1, 4) }, Fail, "relapse"},
		{"while it was late half of the time", func(_, tr *draft) { relapses(tr).late(40*s, 41*s, 30*ms, 10) }, Fail, "relapse"},
		{"and more", func(_, tr *draft) { relapses(tr).late(40*s, 41*s, 30*ms, 11) }, Inconclusive, hangs},
		{"in the second before", func(_, tr *draft) { relapses(tr).late(39*s, 40*s, 200*ms, 4) }, Fail, "relapse"},
		{"in the second after", func(_, tr *draft) { relapses(tr).late(41*s, 42*s, 200*ms, 4) }, Fail, "relapse"},
		{"while it waited for the answer", func(_, tr *draft) {
			relapses(tr).late(41*s, 42*s, 200*ms, 4).each(func(e Event) bool { return e.Kind == Probe && !e.OK && e.At > 40*s }, func(e *Event) { e.Took = 2 * s })
		}, Inconclusive, hangs},
		{"fired late", func(_, tr *draft) {
			relapses(tr).each(func(e Event) bool { return e.Kind == Probe && !e.OK && e.At > 40*s }, func(e *Event) { e.Late = 200 * ms })
		}, Inconclusive, hangs},
		{"before the injection", func(_, tr *draft) { tr.set("site", 5*s, 6*s, false).late(5*s, 6*s, 200*ms, 4) }, Inconclusive, "hangs on 1 red checks"},
		{"in an outage that others show passes", func(u, tr *draft) { u.late(30*s, 31*s, 200*ms, 4); tr.late(15*s, 16*s, 200*ms, 4) }, Pass, ""},
		{"beside a failure of its own", func(_, tr *draft) {
			relapses(tr).late(40*s, 41*s, 200*ms, 4).add(finding(5*s, Critical, "etcd/server"))
		}, Fail, "false alarms before the injection"},
	})
	tr := relapses(treatedOf(paced())).late(40*s, 41*s, 200*ms, 4).add(finding(5*s, Critical, "etcd/server"))
	if v := Evaluate(records(untreatedOf(paced()), tr), paced()); strings.Contains(strings.Join(v.Reasons, "\n"), "relapse") {
		t.Errorf("it fails for what was not proven, too: %v", v.Reasons)
	}
}

// The last checks have their answers after the end: nobody watched, so nobody knows.
func TestARedCheckThatNobodyWatchedDecidesNothing(t *testing.T) {
	last := func(tr *draft) *draft {
		return tr.add(Event{Kind: Probe, Name: "site", At: 54*s + 900*ms, Took: 2 * s, Error: "no answer within 2s"})
	}
	check(t, paced(), []spoiled{
		{"watched", func(_, tr *draft) { last(tr) }, Fail, "relapse"},
		{"not watched", func(_, tr *draft) { last(tr).drop(func(e Event) bool { return e.Kind == Pace && e.At >= 56*s }) }, Inconclusive, "hangs on 1 red checks"},
	})
}

func TestACalmThatIsRedBecauseNov30StalledSaysSo(t *testing.T) {
	sp := paced()
	sp.Arms = append(sp.Arms, Sham)
	sham := shamOf(sp).set("site", 20*s, 21*s, false).late(20*s, 21*s, 300*ms, 6)
	v := Evaluate(records(untreatedOf(sp), treatedOf(sp), sham), sp)
	if all := strings.Join(v.Reasons, "\n"); v.Verdict != Inconclusive || !strings.Contains(all, "sham: the machine was overloaded: the judgement hangs on 1 red") {
		t.Errorf("%s: %s", v.Verdict, all)
	}
}

// The bite is at 11.2 s, and detection has 5 s.
func TestATimeNearerToItsBoundThanNov30WasLateIsOnNeitherSide(t *testing.T) {
	detected := func(after, late time.Duration, seconds ...time.Duration) func(_, tr *draft) {
		return func(_, tr *draft) {
			tr.each(is(Finding), at(11*s+200*ms+after)).each(isTool(RecoverStart), at(17*s))
			for _, at := range seconds {
				tr.late(at*s, at*s+s, late, 4)
			}
		}
	}
	check(t, paced(), []spoiled{
		{"in time passes", detected(4800*ms, 200*ms, 13), Pass, ""},
		{"in time by less", detected(4800*ms+1, 200*ms, 13), Inconclusive,
			"the machine was overloaded: detect 4.801 s cannot be told from its bound 5 s, because nov30 itself ran 0.2 s late in that time"},
		{"too late by as much", detected(5200*ms, 200*ms, 13), Inconclusive, "cannot be told"},
		{"too late by more", detected(5200*ms+1, 200*ms, 13), Fail, "detect 5.201 s > 5 s"},
		{"late twice", detected(5400*ms, 200*ms, 13, 14), Inconclusive, "ran 0.4 s late"},
		{"late in the second before the bite", detected(5200*ms, 200*ms, 10), Inconclusive, "cannot be told"},
		{"late earlier", detected(5200*ms, 200*ms, 9), Fail, "detect 5.2 s > 5 s"},
		{"late when it was detected", detected(5200*ms, 200*ms, 16), Inconclusive, "cannot be told"},
		{"late afterwards", detected(5200*ms, 200*ms, 17), Fail, "detect 5.2 s > 5 s"},
		{"not late", detected(5000*ms+1, ms), Fail, "detect 5.001 s > 5 s"},
	})
	for metric, spoil := range map[Metric]func(*Spec){
		Recover: func(sp *Spec) { sp.Objectives[1].Max = 9 * s },        // 9.02 s
		Heal:    func(sp *Spec) { sp.Objectives[2].Max = 8*s + 100*ms }, // 8.12 s
	} {
		sp := paced()
		spoil(&sp)
		check(t, sp, []spoiled{
			{fmt.Sprint(metric, " in time"), func(_, tr *draft) {}, Fail, string(metric)},
			{fmt.Sprint(metric, " late"), func(_, tr *draft) { tr.late(15*s, 16*s, 100*ms, 2) }, Inconclusive, string(metric) + " "},
		})
	}
	sp := latent()
	sp.Pace, sp.Objectives = true, []Objective{{Heal, 9*s + 850*ms}} // 9.9 s
	check(t, sp, []spoiled{
		{"a repair before the outage", func(_, tr *draft) {}, Fail, "heal 9.9 s"},
		{"a late one", func(_, tr *draft) { tr.late(15*s, 16*s, 100*ms, 2) }, Inconclusive, "heal 9.9 s cannot be told"},
	})
}

// A record of version 1 or 2 has no pacemaker, and its spec asks for none.
func TestAnOldRecordIsJudgedAsItWas(t *testing.T) {
	for version := 1; version <= RecordVersion; version++ {
		arms := records(untreatedOf(spec()), relapses(treatedOf(spec())).each(is(Probe), func(e *Event) { e.Detail = "fired 900ms late" }))
		for a, rec := range arms {
			rec.Version = version
			arms[a] = rec
		}
		if v := Evaluate(arms, spec()); v.Verdict != Fail || len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0], "relapse") {
			t.Errorf("version %d: %s %v", version, v.Verdict, v.Reasons)
		}
	}
}

// However late nov30 was, that makes nothing a pass, and a failure only doubtful.
func TestRunningLateNeverMakesItPass(t *testing.T) {
	changed := 0
	r := rand.New(rand.NewSource(20191130))
	for range 400 {
		sc := scenarios()["paced"]()
		for _, d := range sc.drafts {
			spoil(r, d)
		}
		before := Evaluate(records(sc.drafts...), sc.sp)
		from := time.Duration(r.Intn(60)) * s
		sc.drafts[r.Intn(2)].late(from, from+time.Duration(1+r.Intn(20))*s, WakeLate+time.Duration(r.Intn(1500))*ms, 1+r.Intn(20))
		after := Evaluate(records(sc.drafts...), sc.sp)
		if after.Verdict != before.Verdict {
			changed++
			if after.Verdict != Inconclusive {
				t.Fatalf("%s, before %s: %v", after.Verdict, before.Verdict, before.Reasons)
			}
		}
	}
	if changed < 20 {
		t.Errorf("only %d verdicts changed: the property was not put to the test", changed)
	}
}

// No single check, wherever it lies, makes a tool fail if nov30 was stalled while it waited for the answer.
func TestNoCheckAloneMakesAToolFailWhileNov30Stalls(t *testing.T) {
	failed := 0
	for i := range treatedOf(paced()).events {
		for _, stalled := range []bool{false, true} {
			tr := treatedOf(paced())
			e := &tr.events[i]
			if e.Kind != Probe {
				break
			}
			e.OK = false
			if stalled {
				from := e.At.Truncate(s)
				tr.late(from, from+s, 300*ms, 6)
			}
			v := Evaluate(records(untreatedOf(paced()), tr), paced())
			if !stalled && v.Verdict == Fail {
				failed++
			}
			if stalled && v.Verdict == Fail {
				t.Errorf("check at %s: %v", tr.events[i].At, v.Reasons)
			}
		}
	}
	if failed < 20 {
		t.Errorf("only %d checks matter when nothing is stalled", failed)
	}
}
