package slo

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// An arm says nothing of the cluster or the tool if the machine was too busy to run nov30 itself: they had to wait as well.
// Single late wake-ups occur on every machine, so an arm is doubted for their share in a stretch that every arm has, and for
// a stall in which a whole check could not be made.
//
// Measured on two cores, late wake-ups in the worst such stretch: 0 of 400 in an arm beside one idle cluster; 22 while another
// cluster is created and a program built beside it; 31 in an arm with a repair, beside the same; 72 with four busy loops beside
// it, and no stall of more than 0.2 s.
const (
	overloadSpan = 20 * time.Second
	overloadPart = 8 // more than one late wake-up (or check) in so many is overload
)

// starvedPart is which part of the time that an answer had must be lost before a red check is doubted.
const starvedPart = 10

// punctual checks that nov30 itself ran in time. Old records have no pacemaker; their specs do not ask for it.
func (j *judge) punctual() {
	if !j.spec.Pace {
		return
	}
	list, hole, whole := j.stretches(j.phase[PhaseSteady], j.end())
	if !whole {
		j.doubt("nobody watched from %s on whether nov30 itself ran in time", j.since(hole))
	}
	j.awake(list)
	j.firedInTime()
}

func (j *judge) overload(format string, args ...any) {
	j.doubt("the machine was overloaded: %s", fmt.Sprintf(format, args...))
}

// awake doubts the arm for one long stall, or for many late wake-ups in any stretch of overloadSpan.
func (j *judge) awake(list []Event) {
	if t := sum(list); t.worst.Late >= j.shortest() {
		j.overload("nov30 itself did not run for %s at %s", words(t.worst.Late), j.since(t.worst.At))
	}
	var busiest tally
	var from, to time.Duration
	for i, last := range list {
		first := i
		for first > 0 && last.At+last.Took-list[first-1].At <= overloadSpan {
			first--
		}
		if t := sum(list[first : i+1]); t.late > busiest.late {
			busiest, from, to = t, list[first].At, last.At+last.Took
		}
	}
	if busiest.late*overloadPart > int(overloadSpan/PaceEvery) {
		j.overload("nov30 itself woke late %d of %d times between %s and %s, by up to %s at %s", busiest.late, busiest.due,
			j.since(from), j.since(to), words(busiest.worst.Late), j.since(busiest.worst.At))
	}
}

// shortest is the shortest interval of the probes.
func (j *judge) shortest() time.Duration {
	return slices.MinFunc(j.spec.Probes, func(a, b ProbeSpec) int { return cmp.Compare(a.Interval, b.Interval) }).Interval
}

// firedInTime doubts the arm for a check that was fired very late, or for many that were.
func (j *judge) firedInTime() {
	all, late, worst := 0, 0, Event{}
	for _, p := range j.spec.Probes {
		for _, c := range j.checks[p.Name] {
			if all++; c.Late >= WakeLate {
				late++
			}
			if c.Late > worst.Late {
				worst = c
			}
		}
	}
	switch {
	case worst.Late >= j.shortest():
		j.overload("probe %s was checked %s late at %s", worst.Name, words(worst.Late), j.since(worst.At))
	case late >= leastChecks && late*overloadPart > all:
		j.overload("%d of %d checks were fired late, the latest of probe %s by %s at %s", late, all, worst.Name, words(worst.Late), j.since(worst.At))
	}
}

// suspects are the red checks that nov30 itself may have made red: it did not run for a good part of the time that their
// answer had, was late for most of that time, or nobody watched whether it was.
func (j *judge) suspects() map[int64]bool {
	if !j.spec.Pace {
		return nil
	}
	found := map[int64]bool{}
	for _, p := range j.spec.Probes {
		for _, c := range j.checks[p.Name] {
			if !c.OK && j.starved(p, c) {
				found[c.Seq] = true
			}
		}
	}
	return found
}

func (j *judge) starved(p ProbeSpec, c Event) bool {
	answered := c.At + c.Late + c.Took
	list, _, _ := j.stretches(c.At, answered+PaceEvery) // the wake-up after the answer tells of a stall before it
	_, _, whole := j.stretches(c.At, answered)          // of the last answer there is none
	t := sum(list)
	return !whole || max(c.Late, t.worst.Late) >= p.Timeout/starvedPart || 2*t.late > t.due
}

// without compares the judgement with the one that the arm gets without the suspects: where they are the same, they did not
// matter; where they are not, there is none.
func (j *judge) without(suspects map[int64]bool, certain *judge) *judge {
	if state := j.verdict().State; state == certain.verdict().State {
		if state == Fail && !slices.Equal(j.fails, certain.fails) {
			return certain // what it fails for must stand without them
		}
		return j
	}
	first := j.of(Probe, func(e Event) bool { return suspects[e.Seq] })[0]
	list, _, _ := j.stretches(first.At, first.At+first.Late+first.Took+PaceEvery)
	j.overload("the judgement hangs on %d red checks that were made while nov30 itself ran late, the first by probe %s at %s, by up to %s",
		len(suspects), first.Name, j.since(first.At), words(max(first.Late, sum(list).worst.Late)))
	return j
}

// slack is by how much a measured time may be wrong because nov30 itself ran late between its moments, or in the second
// before: a stall there hides an earlier bite.
func (j *judge) slack(m Metric) (slack time.Duration) {
	moments, ok := j.measured.between[m]
	if !ok || !j.spec.Pace {
		return 0
	}
	list, _, _ := j.stretches(moments[0]-time.Second, moments[1])
	for _, e := range list {
		if e.Wakes.Late > 0 {
			slack += e.Late
		}
	}
	return slack
}
