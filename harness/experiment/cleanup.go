package experiment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// cleanup ends an arm: observers first, then the evidence, then the reverts, the cluster last. It runs whatever happened
// before, on a context of its own, and each part even if another failed.
func (x *armRun) cleanup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, cleanupWithin)
	defer cancel()
	for _, stop := range slices.Backward(x.stop) {
		stop()
	}
	if x.cluster == nil {
		return x.closeLog()
	}
	if err := x.collect(ctx); err != nil {
		x.say("evidence is incomplete: %v", err) // a stopped node has no logs to give; no reason to throw the arm away
	}
	revertErr := x.revert(ctx)
	return errors.Join(revertErr, x.closeLog(), x.deleteOrKeep(ctx))
}

func (x *armRun) closeLog() error {
	if x.log == nil {
		return nil
	}
	return x.log.Close()
}

// collect takes logs, never files: an allow-list (cluster.Logs).
func (x *armRun) collect(ctx context.Context) error {
	err := x.cluster.Logs(ctx, x.evidence())
	if x.site == nil {
		return err
	}
	out, edgeErr := x.Engine.Run(ctx, nil, "logs", "--tail", "2000", x.site.Edge)
	if edgeErr == nil {
		edgeErr = os.WriteFile(filepath.Join(x.evidence(), "edge.log"), out, 0o600)
	}
	return errors.Join(err, edgeErr)
}

// revert applies what the faults journaled. What cannot be undone goes into the record and is returned.
func (x *armRun) revert(ctx context.Context) error {
	if x.journal == nil {
		return nil
	}
	err := x.journal.Revert(ctx, x.cluster, func(i journal.Inverse, err error) {
		x.emit(outcomeEvent(slo.Revert, i.String(), err))
	})
	if err != nil {
		return errors.Join(err, x.journal.Close())
	}
	return x.journal.Seal()
}

// deleteOrKeep deletes the cluster unless it is to be kept; then it says how to reach it.
func (x *armRun) deleteOrKeep(ctx context.Context) error {
	keep := x.Keep == KeepAlways
	if x.Keep == KeepOnFailure {
		keep = !x.passed()
	}
	if !keep {
		return x.cluster.Delete(ctx)
	}
	if err := x.Home.Keep(x.cluster.Name()); err != nil {
		return err
	}
	x.say("kept cluster %s (faults reverted):", x.cluster.Name())
	x.say("  kubectl --kubeconfig %s get nodes,pods -A", x.cluster.Kubeconfig())
	env := ""
	for _, e := range x.Engine.Env() {
		env = e + " "
	}
	x.say("  %s%s exec -it %s bash", env, x.Engine.Name, x.cluster.Nodes()[0].Name())
	x.say("  nov30 sweep --delete   # when it is no longer needed")
	return nil
}

// passed judges this arm alone, from what is on disk.
func (x *armRun) passed() bool {
	rec, err := report.ReadRecord(x.dir)
	if err != nil {
		return false
	}
	v := slo.Evaluate(map[slo.Arm]slo.Record{rec.Arm: rec}, rec.Spec)
	return v.Arms[rec.Arm].State == slo.Pass
}
