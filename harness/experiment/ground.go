package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/proof"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
)

// ground is what an arm runs on: a cluster with the site.
type ground struct {
	cluster *cluster.Kind
	site    *site.Site
	spec    cluster.Spec
	made    []cluster.StepTime // what making it, or making it anew, took
	left    *snapshot.Snapshot // how the arm before left it; nil: it is new

	kept  *cluster.Kept // its state when it was new; nil: it cannot be used again
	proof proof.Proof   // what it was like then
	used  use           // by whom since
	leak  error         // what the last rewind took back that others should have
}

// use is what happened on a ground since it was new.
type use struct {
	Scenario string
	Arm      slo.Arm
	Faults   []touched
}

// touched is what one fault said that it would change.
type touched struct {
	Fault    string
	Inverses []journal.Inverse
}

// touching notes what a fault journals.
type touching struct {
	journal.Journal
	touched *touched
}

func (t touching) Append(i journal.Inverse) error {
	t.touched.Inverses = append(t.touched.Inverses, journal.Inverse{Op: i.Op, Node: i.Node, Path: i.Path}) // no preimage: it may be a key
	return t.Journal.Append(i)
}

// blame says whose change it is that a rewind could not take back: the fault's that touched this very thing, else the
// arm's one fault's, else one of several; where nothing was injected it is the tool's.
func (u use) blame(c slo.Change) string {
	names := map[string]bool{}
	for _, f := range u.Faults {
		if slices.ContainsFunc(f.Inverses, func(i journal.Inverse) bool {
			return i.Path != "" && (i.Node == c.Node || i.Node == "") && strings.HasSuffix(c.Object, i.Path)
		}) {
			return "the revert of " + f.Fault
		}
		names[f.Fault] = true
	}
	var all []string
	for n := range names {
		all = append(all, n)
	}
	slices.Sort(all)
	switch {
	case len(all) == 0 && u.Arm != slo.Untreated:
		return "the tool"
	case len(all) == 0:
		return "nov30 itself"
	case u.Arm == slo.Untreated:
		return "the revert of " + strings.Join(all, " or ")
	}
	return "the revert of " + strings.Join(all, " or ") + ", or the tool"
}

// leak is what was left on a ground: either it is not what it was although it was rewound, or the rewind took back what nobody
// else had.
type leak struct {
	cluster string
	used    use
	mended  bool
	err     error
}

// leftover is what the rewind of a ground took back after an arm without a tool: the reverts should have done that.
func (g *ground) leftover(by cluster.Rewound) error {
	if g.used.Arm != slo.Untreated {
		return nil
	}
	var changes []slo.Change
	for node, report := range by {
		for _, object := range report.Found() {
			changes = append(changes, slo.Change{Kind: slo.Altered, Node: node, Object: strings.TrimPrefix(object, "file")})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return &leak{cluster: g.cluster.Name(), used: g.used, mended: true, err: &proof.DifferentError{Changes: changes}}
}

func (l *leak) Unwrap() error { return l.err }

func (l *leak) Error() string {
	text := fmt.Sprintf("cluster %s is thrown away: rewound after %s, arm %s, ", l.cluster, l.used.Scenario, l.used.Arm)
	if l.mended {
		text = fmt.Sprintf("the rewind of cluster %s after %s, arm %s, took back what the reverts had left: ", l.cluster, l.used.Scenario, l.used.Arm)
	}
	var different *proof.DifferentError
	if !errors.As(l.err, &different) || len(different.Changes) == 0 {
		return text + l.err.Error()
	}
	var whose []string
	for _, c := range different.Changes {
		if b := l.used.blame(c); !slices.Contains(whose, b) {
			whose = append(whose, b)
		}
	}
	return text + different.Error() + "; what leaked: " + strings.Join(whose, "; ")
}

// delete removes the cluster, and the kubeconfig with its key. Without a cluster there is nothing to do.
func (g *ground) delete(ctx context.Context) error {
	if g == nil {
		return nil
	}
	err := within(ctx, deleteWithin, g.cluster.Delete)
	if rmErr := os.Remove(g.cluster.Kubeconfig()); !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	return err
}
