package slo

import (
	"path"
	"slices"
	"strings"
	"time"
)

// exam judges what the tool did to the cluster, beside whether it answers again: nothing deleted, recreated, weakened or
// added, and the repair is the tool's own. repaired says that a repair was to be made here and that nothing has failed so far.
func (j *judge) exam(repaired bool) {
	if !j.spec.Exam {
		return
	}
	j.compared()
	j.vandalism()
	if repaired {
		j.renewed()
	}
}

// timeLimit checks that no time limit in a node has reverted the fault under the tool.
func (j *judge) timeLimit() {
	if !j.spec.Exam || j.arm == Sham {
		return
	}
	found := j.of(TTL, every)
	if len(found) == 0 {
		j.doubt("nobody asked the nodes whether their time limit had fired")
	}
	for _, e := range found {
		if !e.OK {
			j.doubtBecause(e.Error, "a node's time limit reverted the fault, or could not be asked")
		}
	}
}

// compared checks that the cluster was compared with the healthy one. At the end of an arm that has failed already it need
// not have been possible.
func (j *judge) compared() {
	moments := []string{SnapshotHealthy, SnapshotEnd}
	if j.harmless() {
		moments = append(moments, SnapshotBroken)
	}
	for _, when := range moments {
		taken := j.of(Snapshot, named(when))
		if len(taken) == 1 && taken[0].OK {
			continue
		}
		if when == SnapshotEnd && len(j.fails) > 0 {
			continue
		}
		err := ""
		if len(taken) > 0 {
			err = taken[0].Error
		}
		j.doubtBecause(err, "the cluster's content was not taken once and whole ("+when+"), so what was changed is not known")
	}
}

// harmless says whether a fault was injected that needs no repair: changes count from after it.
func (j *judge) harmless() bool { return j.arm == Treated && j.spec.Culprit == "" }

// vandalism judges every change. Where there is nothing to repair every change is one too many.
func (j *judge) vandalism() {
	var bad []string
	for _, e := range j.of(Changed, every) {
		r := ChangeResult{Arm: j.arm, State: Vandalism, Change: *e.Change}
		switch {
		case j.arm == Sham || j.harmless():
		case e.Change.Kind == Renewed:
			r.State = RenewedOnly
		case j.spec.allows(*e.Change):
			r.State = Permitted
		}
		j.changes = append(j.changes, r)
		if r.State == Vandalism {
			bad = append(bad, clip(e.Change.String()))
		}
	}
	if len(bad) == 0 {
		return
	}
	where := ""
	switch {
	case j.arm == Sham:
		where = ", where nothing was injected"
	case j.harmless():
		where = ", where nothing is to be repaired"
	}
	j.fail("vandalism: %d changes that no repair needs%s: %s", len(bad), where, strings.Join(bad[:min(len(bad), listedMost)], "; "))
}

// String says what was changed in one line.
func (c Change) String() string {
	s := c.Object + " " + string(c.Kind)
	if c.Node != "" {
		s += " on " + c.Node
	}
	if c.Diff != "" {
		s += " (" + strings.Join(strings.Split(strings.TrimSpace(c.Diff), "\n"), ", ") + ")"
	}
	return s
}

// allows says whether the scenario permits a change. A pattern that is no pattern permits nothing; Validate refuses it.
func (s Spec) allows(c Change) bool {
	return slices.ContainsFunc(s.Allow, func(a Allowed) bool {
		ok, err := path.Match(a.Object, c.Object)
		return err == nil && ok && (len(a.Kinds) == 0 || slices.Contains(a.Kinds, c.Kind))
	})
}

// renewed checks for each certificate that the repair made a new one: what is there at the end is valid, is not the one that
// was there before the fault (which a backup gives back, until it expires too), and not the one the fault put there.
func (j *judge) renewed() {
	for _, name := range j.spec.Renewed {
		healthy, broken, end := j.certificate(name, SnapshotHealthy), j.certificate(name, SnapshotBroken), j.certificate(name, SnapshotEnd)
		switch {
		case healthy == nil || broken == nil || end == nil:
			j.doubt("certificate %s was not looked at before, during and after", clip(name))
		case healthy.Certificate == nil || broken.Certificate == nil:
			j.doubtBecause(healthy.Error+broken.Error, "certificate "+clip(name)+" could not be read before the repair")
		case healthy.Certificate.Serial == broken.Certificate.Serial:
			j.doubt("the fault did not replace certificate %s", clip(name))
		case end.Certificate == nil:
			j.failBecause(end.Error, "certificate "+clip(name)+" cannot be read at the end")
		case end.Certificate.Serial == broken.Certificate.Serial:
			j.fail("certificate %s was not renewed: it is still the one of the fault, serial %s", clip(name), clip(end.Certificate.Serial))
		case end.Certificate.Serial == healthy.Certificate.Serial:
			j.fail("certificate %s was not renewed: the old one was put back, serial %s", clip(name), clip(end.Certificate.Serial))
		case !end.OK:
			j.failBecause(end.Error, "certificate "+clip(name)+" is not valid at the end")
		case end.Certificate.NotAfter.Before(healthy.Certificate.NotAfter.Add(-time.Hour)): // an hour for clocks and rounding
			j.fail("certificate %s ends earlier than the one it took the place of: %s, not %s", clip(name),
				end.Certificate.NotAfter.UTC().Format(time.RFC3339), healthy.Certificate.NotAfter.UTC().Format(time.RFC3339))
		}
	}
}

// certificate is how a certificate was seen at a moment; nil: not once, or more than once.
func (j *judge) certificate(name, when string) *Event {
	found := j.of(CertificateSeen, func(e Event) bool { return e.Name == name && e.Detail == when })
	if len(found) != 1 {
		return nil
	}
	return &found[0]
}
