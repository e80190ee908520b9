package slo

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"
)

// scenario is a spec with its arms, of every effect.
type scenario struct {
	sp     Spec
	drafts []*draft
}

func scenarios() map[string]func() scenario {
	heals := spec()
	heals.Expect = Effect{Kind: ExpectHeals, Within: 15 * s}
	sham := spec()
	sham.Arms = append(sham.Arms, Sham)
	return map[string]func() scenario{
		"outage":  func() scenario { return scenario{spec(), []*draft{untreatedOf(spec()), treatedOf(spec())}} },
		"warning": func() scenario { return scenario{latent(), []*draft{untreatedOf(latent()), treatedOf(latent())}} },
		"heals": func() scenario {
			return scenario{heals, []*draft{untreatedOf(heals).set("api", 25*s, 61*s, true), treatedOf(heals)}}
		},
		"sham": func() scenario { return scenario{sham, []*draft{untreatedOf(sham), treatedOf(sham), shamOf(sham)}} },
		"paced": func() scenario {
			return scenario{paced(), []*draft{untreatedOf(paced()), treatedOf(paced())}}
		},
		"exam": func() scenario {
			arms := examinedArms(examined())
			return scenario{examined(), []*draft{arms[1], arms[2], arms[0]}}
		},
		"asked": func() scenario {
			arms := askedArms(asked())
			return scenario{asked(), []*draft{arms[1], arms[2], arms[0]}}
		},
	}
}

// spoil changes an arm at random: some results pass, most do not.
func spoil(r *rand.Rand, d *draft) {
	for range r.Intn(3) {
		i := r.Intn(len(d.events))
		e := &d.events[i]
		switch r.Intn(5) {
		case 0:
			e.OK = !e.OK
		case 1:
			e.At += time.Duration(r.Intn(8000)-2000) * ms
			e.At = max(0, e.At)
		case 2:
			d.events = slices.Delete(d.events, i, i+1)
		case 3:
			d.add(finding(time.Duration(r.Intn(60))*s, Critical, []string{"dns/coredns", "etcd/server"}[r.Intn(2)]))
		case 4:
			from := time.Duration(r.Intn(60)) * s
			d.set([]string{"api", "site"}[r.Intn(2)], from, from+time.Duration(r.Intn(5))*s, r.Intn(2) == 0)
		}
	}
}

// eachSpoiled runs f on many spoiled versions of every scenario and returns how many of them did not pass.
func eachSpoiled(t *testing.T, n int, f func(t *testing.T, r *rand.Rand, sc scenario, before Verdict)) {
	for name, build := range scenarios() {
		t.Run(name, func(t *testing.T) {
			if v := Evaluate(records(build().drafts...), build().sp); v.Verdict != Pass {
				t.Fatalf("the healthy one does not pass: %v", v.Reasons)
			}
			r, passed := rand.New(rand.NewSource(20191130)), 0
			for range n {
				sc := build()
				for _, d := range sc.drafts {
					spoil(r, d)
				}
				before := Evaluate(records(sc.drafts...), sc.sp)
				if before.Verdict == Pass {
					passed++
				}
				f(t, r, sc, before)
			}
			if passed == 0 || passed == n {
				t.Errorf("%d of %d spoiled scenarios pass: the property was not put to the test", passed, n)
			}
		})
	}
}

func TestNeverPassWithAnArmMissing(t *testing.T) {
	eachSpoiled(t, 100, func(t *testing.T, r *rand.Rand, sc scenario, _ Verdict) {
		arms := records(sc.drafts...)
		for _, arm := range sc.sp.Arms {
			less := map[Arm]Record{}
			for a, rec := range arms {
				if a != arm {
					less[a] = rec
				}
			}
			if v := Evaluate(less, sc.sp); v.Verdict != Inconclusive {
				t.Fatalf("%s without %s", v.Verdict, arm)
			}
		}
	})
}

// A written event that is lost shows by its number, so that no loss can turn anything into a pass; not even a pass
// into a pass.
func TestALostEventNeverPasses(t *testing.T) {
	eachSpoiled(t, 100, func(t *testing.T, r *rand.Rand, sc scenario, _ Verdict) {
		arms := records(sc.drafts...)
		arm := sc.sp.Arms[r.Intn(len(sc.sp.Arms))]
		rec := arms[arm]
		i := r.Intn(len(rec.Events) - 1) // the last one is only known by what it says
		rec.Events = slices.Delete(rec.Events, i, i+1)
		arms[arm] = rec
		if v := Evaluate(arms, sc.sp); v.Verdict == Pass {
			t.Fatalf("pass without event %d of %s", i+1, arm)
		}
	})
}

// What never happened has no number. No data of a probe or of a kind that stands for something good is never a pass.
func TestNoDataNeverPasses(t *testing.T) {
	silent := []Kind{Phase, Probe, Fault, ToolEvent, Writes, HostClock}
	eachSpoiled(t, 25, func(t *testing.T, r *rand.Rand, sc scenario, before Verdict) {
		for i, d := range sc.drafts {
			for _, k := range silent {
				if d.arm == Untreated && (k == ToolEvent || k == Writes) || d.arm == Sham && (k == Fault || k == Writes) {
					continue // these arms have none
				}
				if k == Writes && sc.sp.DetectOnly && d.arm == Treated {
					continue
				}
				without(t, sc, i, is(k), string(k))
			}
			for _, p := range sc.sp.Probes {
				without(t, sc, i, isProbe(p.Name), p.Name)
			}
		}
		without(t, sc, 1, is(Finding), "findings")
		if sc.sp.Pace {
			without(t, sc, 0, is(Pace), "wake-ups")
			without(t, sc, 1, is(Pace), "wake-ups")
		}
		if sc.sp.Exam {
			without(t, sc, 2, is(Snapshot), "snapshot")
			without(t, sc, 0, is(TTL), "time limit")
			without(t, sc, 1, is(TTL), "time limit")
		}
		if len(sc.sp.Renewed) > 0 {
			without(t, sc, 1, is(Snapshot), "snapshot")
			without(t, sc, 1, is(CertificateSeen), "certificates")
		}
		if k := sc.sp.Expect.Kind; k == Outage || k == ExpectWarn {
			without(t, sc, 0, is(Symptom), "symptom")
		}
	})
}

func without(t *testing.T, sc scenario, i int, match func(Event) bool, what string) {
	t.Helper()
	less := slices.Clone(sc.drafts)
	less[i] = &draft{arm: sc.drafts[i].arm, spec: sc.sp, events: slices.Clone(sc.drafts[i].events)}
	less[i].drop(match)
	if v := Evaluate(records(less...), sc.sp); v.Verdict == Pass {
		t.Fatalf("pass without any %s in %s", what, less[i].arm)
	}
}

// Making the treated or the sham arm worse never makes a verdict a pass. Two doubts are excepted, because what mends them
// is that the fault struck: "no bite" and "healed by itself". In the untreated arm red is what must be shown, so only its
// other probes and its steady phase can get worse.
func TestTurningAGreenCheckRedNeverMakesItPass(t *testing.T) {
	eachSpoiled(t, 200, func(t *testing.T, r *rand.Rand, sc scenario, before Verdict) {
		all := strings.Join(before.Reasons, "\n")
		if before.Verdict == Pass || strings.Contains(all, "no bite") || strings.Contains(all, "treated: healed by itself") {
			return
		}
		d := sc.drafts[r.Intn(len(sc.drafts))]
		var green []int
		for i, e := range d.events {
			if e.Kind == Probe && e.OK && (d.arm != Untreated || e.Name == "site" || e.At+e.Took <= 10*s) {
				green = append(green, i)
			}
		}
		if len(green) == 0 {
			return
		}
		d.events[green[r.Intn(len(green))]].OK = false
		if v := Evaluate(records(sc.drafts...), sc.sp); v.Verdict == Pass {
			t.Fatalf("pass, before %s: %s", before.Verdict, all)
		}
	})
}

// A right finding after the injection cannot help by coming later. (Before it, it is a false alarm, and a wrong one may
// come before the right one: being late would mend both.)
func TestDelayingAFindingNeverMakesItPass(t *testing.T) {
	eachSpoiled(t, 200, func(t *testing.T, r *rand.Rand, sc scenario, before Verdict) {
		if before.Verdict == Pass {
			return
		}
		d := sc.drafts[1]
		inject, quiet := 10*s, 60*s
		for _, e := range d.events {
			if e.Kind == Phase && e.Name == PhaseInject {
				inject = e.At
			}
			if e.Kind == Phase && e.Name == PhaseSoak {
				quiet = e.At + quietAfter // from here on a right finding is a false alarm, too
			}
		}
		late := func(e Event) bool {
			return e.Kind == Finding && e.Finding.Culprit == "etcd/server" && e.At >= inject && e.At < quiet && r.Intn(2) == 0
		}
		d.each(late, func(e *Event) {
			e.At += time.Duration(r.Intn(40000)) * ms
		})
		if v := Evaluate(records(sc.drafts...), sc.sp); v.Verdict == Pass {
			t.Fatalf("pass, before %s: %v", before.Verdict, before.Reasons)
		}
	})
}

// A measured time never gets shorter when a check turns red or a finding comes later.
func TestMeasuredTimesOnlyGrowWhenThingsGetWorse(t *testing.T) {
	build := scenarios()["outage"]
	base := Evaluate(records(build().drafts...), build().sp)
	r := rand.New(rand.NewSource(1))
	for range 300 {
		sc := build()
		tr := sc.drafts[1]
		for range 1 + r.Intn(4) {
			e := &tr.events[r.Intn(len(tr.events))]
			switch {
			case e.Kind == Probe && e.At > 10*s:
				e.OK = false
			case e.Kind == Finding:
				e.At += time.Duration(r.Intn(3000)) * ms
			}
		}
		v := Evaluate(records(sc.drafts...), sc.sp)
		for i, m := range [][2]*float64{{base.DetectS, v.DetectS}, {base.RecoverS, v.RecoverS}, {base.HealS, v.HealS}} {
			if m[1] != nil && *m[1] < *m[0] {
				t.Fatalf("time %d fell from %v to %v", i, *m[0], *m[1])
			}
		}
	}
}

// worse makes one event worse, whatever it is; it says whether it could. Probes and findings have tests of their own.
func worse(r *rand.Rand, sc scenario) bool {
	d := sc.drafts[r.Intn(len(sc.drafts))]
	var rare []int
	for i, e := range d.events {
		if e.Kind != Probe && e.Kind != Finding {
			rare = append(rare, i)
		}
	}
	if len(rare) == 0 {
		return false
	}
	e := &d.events[rare[r.Intn(len(rare))]]
	switch e.Kind {
	case Pace:
		*e = beat(e.At, WakeLate+time.Duration(r.Intn(2000))*ms, 1+r.Intn(20))
	case Fault, Cut, Writes, HostClock, Snapshot, TTL, ToolEvent:
		if d.arm == Untreated && e.Kind == ToolEvent {
			return false
		}
		e.OK = false
	case CertificateSeen:
		e.OK = false
		e.Certificate = nil
	case Phase:
		if d.arm == Untreated {
			return false
		}
		d.add(changed(Removed, "deployments.apps/site/web"))
	default:
		return false
	}
	return true
}

func TestMakingAnyEventWorseNeverMakesItPass(t *testing.T) {
	tried := 0
	eachSpoiled(t, 300, func(t *testing.T, r *rand.Rand, sc scenario, before Verdict) {
		if before.Verdict == Pass || !worse(r, sc) {
			return
		}
		tried++
		if v := Evaluate(records(sc.drafts...), sc.sp); v.Verdict == Pass {
			t.Fatalf("pass, before %s: %v", before.Verdict, before.Reasons)
		}
	})
	if tried < 100 {
		t.Errorf("only %d events were made worse", tried)
	}
}

// A failure that was proven stays one or becomes doubtful; a doubt never becomes a pass; and what is worse than a pass
// stays worse: here for every single event of the exam.
func TestEveryEventOfTheExamCounts(t *testing.T) {
	for name, build := range map[string]func() scenario{"exam": scenarios()["exam"], "asked": scenarios()["asked"]} {
		n := len(build().drafts)
		for i := range n {
			for k := range build().drafts[i].events {
				sc := build()
				e := &sc.drafts[i].events[k]
				switch e.Kind {
				case Fault, Cut, Writes, HostClock, Snapshot, TTL:
					e.OK = false
				case CertificateSeen:
					e.OK, e.Certificate = false, nil
				default:
					continue
				}
				if v := Evaluate(records(sc.drafts...), sc.sp); v.Verdict == Pass {
					t.Errorf("%s: %s passes with a failed %s %s", name, sc.drafts[i].arm, e.Kind, e.Name)
				}
			}
		}
	}
}
