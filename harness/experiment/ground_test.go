package experiment

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/slo"
)

func fileChange(node, path string) slo.Change {
	return slo.Change{Kind: slo.Altered, Node: node, Object: "file" + path, Diff: "-a\n+b"}
}

func injected(fault, node string, paths ...string) touched {
	t := touched{Fault: fault}
	for _, p := range paths {
		t.Inverses = append(t.Inverses, journal.Inverse{Op: journal.RestoreFile, Node: node, Path: p})
	}
	return t
}

func TestWhoseRevertLeakedIsSaidByPathAndNode(t *testing.T) {
	resolv, etcd := injected("resolv-conf", "n1", "/etc/resolv.conf"), injected("etcd-certs", "n1", "/etc/kubernetes/pki/etcd/server.crt", "")
	everywhere := injected("clock", "", "/etc/clock")
	for name, c := range map[string]struct {
		used   use
		change slo.Change
		want   string
	}{
		"the fault that touched it":               {use{Arm: slo.Treated, Faults: []touched{etcd, resolv}}, fileChange("n1", "/etc/resolv.conf"), "the revert of resolv-conf"},
		"of an object of the snapshot":            {use{Arm: slo.Treated, Faults: []touched{resolv, etcd}}, slo.Change{Node: "n1", Object: "/etc/kubernetes/pki/etcd/server.crt"}, "the revert of etcd-certs"},
		"a fault of all nodes":                    {use{Arm: slo.Untreated, Faults: []touched{etcd, everywhere}}, fileChange("n2", "/etc/clock"), "the revert of clock"},
		"the same path on another node":           {use{Arm: slo.Treated, Faults: []touched{etcd, resolv}}, fileChange("n2", "/etc/resolv.conf"), "the revert of etcd-certs or resolv-conf, or the tool"},
		"an inverse without a path blames nobody": {use{Arm: slo.Untreated, Faults: []touched{injected("stop", "n1", ""), etcd}}, fileChange("n1", "/etc/x"), "the revert of etcd-certs or stop"},
		"the arm's one fault":                     {use{Arm: slo.Untreated, Faults: []touched{resolv}}, fileChange("n1", "/etc/other"), "the revert of resolv-conf"},
		"the same fault twice":                    {use{Arm: slo.Untreated, Faults: []touched{resolv, resolv}}, fileChange("n2", "/x"), "the revert of resolv-conf"},
		"one fault, and a tool":                   {use{Arm: slo.Treated, Faults: []touched{resolv}}, fileChange("n1", "/etc/other"), "the revert of resolv-conf, or the tool"},
		"a tool alone":                            {use{Arm: slo.Sham}, fileChange("n1", "/etc/other"), "the tool"},
		"a tool before anything was injected":     {use{Arm: slo.Treated}, fileChange("n1", "/etc/other"), "the tool"},
		"nobody":                                  {use{Arm: slo.Untreated}, fileChange("n1", "/etc/other"), "nov30 itself"},
	} {
		if got := c.used.blame(c.change); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestALeakSaysWhatIsDifferentAndNamesEachCulpritOnce(t *testing.T) {
	used := use{Scenario: "etcd", Arm: slo.Untreated, Faults: []touched{injected("resolv-conf", "n1", "/etc/resolv.conf"), injected("etcd-certs", "n1", "/a")}}
	different := &proof.DifferentError{Changes: []slo.Change{fileChange("n1", "/etc/resolv.conf"), fileChange("n1", "/a"), fileChange("n1", "/a")}}
	text := (&leak{cluster: "c1", used: used, err: errors.Join(errBroken, different)}).Error()
	for _, want := range []string{"cluster c1 is thrown away", "after etcd, arm untreated", "/etc/resolv.conf", "what leaked: the revert of resolv-conf; the revert of etcd-certs"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q has no %q", text, want)
		}
	}
	if n := strings.Count(text, "the revert of etcd-certs"); n != 1 {
		t.Errorf("named %d times: %s", n, text)
	}
	other := &leak{cluster: "c1", used: used, err: errBroken}
	if text := other.Error(); !strings.Contains(text, errBroken.Error()) || strings.Contains(text, "leaked") || !errors.Is(other, errBroken) {
		t.Errorf("%s", text)
	}
}

// taking is a journal that takes everything, or nothing.
type taking struct {
	got []journal.Inverse
	err error
}

func (j *taking) Append(i journal.Inverse) error { j.got = append(j.got, i); return j.err }

func TestWhatAFaultTouchedIsNotedWithoutItsContent(t *testing.T) {
	var noted touched
	under := &taking{}
	key := journal.Inverse{Op: journal.RestoreFile, Node: "n1", Path: "/etc/key", Preimage: []byte("canary"), Mode: 0o600}
	if err := (touching{under, &noted}).Append(key); err != nil {
		t.Fatal(err)
	}
	if len(under.got) != 1 || string(under.got[0].Preimage) != "canary" || under.got[0].Mode != 0o600 {
		t.Errorf("the journal has %+v", under.got)
	}
	if len(noted.Inverses) != 1 || noted.Inverses[0].Path != "/etc/key" || noted.Inverses[0].Node != "n1" || len(noted.Inverses[0].Preimage) > 0 {
		t.Errorf("noted %+v", noted.Inverses)
	}
	under.err = errBroken
	if err := (touching{under, &noted}).Append(key); !errors.Is(err, errBroken) {
		t.Errorf("a journal that took nothing: %v", err)
	}
}

func TestAUsedClusterWithoutTheNodesProgramIsThrownAwayWithTheReason(t *testing.T) {
	b := newBench(t, `'network ls '*|'ps '*) exit;;`)
	s, err := Begin(t.Context(), b.options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Finish(false)
	s.NodeProgram = "/nowhere/nov30-node"
	g := &ground{cluster: &cluster.Kind{}, used: use{Scenario: "etcd", Arm: slo.Treated}, made: nil}
	err = workshop{s}.renew(t.Context(), g, true)
	var l *leak
	if !errors.As(err, &l) || !strings.Contains(err.Error(), "/nowhere/nov30-node") || !strings.Contains(err.Error(), "after etcd, arm treated") {
		t.Errorf("%v", err)
	}
	if g.used.Scenario != "etcd" || len(g.made) != 1 || g.made[0].Step != stepRewind {
		t.Errorf("%+v", g)
	}
	if slices.ContainsFunc(b.calls(), func(c string) bool { return strings.HasPrefix(c, "start ") }) {
		t.Error("it was powered on for nothing")
	}
}
