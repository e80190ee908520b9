package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// What may happen after an arm, whatever ended it. Each part has a limit of its own: a node that hangs must cost its logs,
// never the reverts or the deletion.
const (
	collectWithin = time.Minute
	revertWithin  = 2 * time.Minute
	deleteWithin  = 2 * time.Minute
)

// cleanup ends an arm: observers first, then the evidence, then the reverts, the cluster last. It runs whatever happened
// before, and each part even if another failed.
func (x *armRun) cleanup(ctx context.Context, interrupted bool) error {
	for _, stop := range slices.Backward(x.stop) {
		stop()
	}
	if x.ground == nil { // it could not be made; the logs that say why may be there
		return errors.Join(redactLogs(x.dir), x.closeLog())
	}
	if x.handOn() {
		err := errors.Join(within(ctx, revertWithin, x.revert), redactLogs(x.dir), x.closeLog())
		if x.handed = err == nil; x.handed {
			return nil
		}
		return errors.Join(err, x.drop(ctx, x.ground))
	}
	start := x.Clock.Now()
	defer func() { x.timing(report.PartCollect, x.Clock.Since(start)) }()
	if err := within(ctx, collectWithin, x.collect); err != nil {
		x.say("evidence is incomplete: %v", err) // a stopped node has no logs to give; no reason to throw the arm away
	}
	revertErr := within(ctx, revertWithin, x.revert)
	logErr := x.closeLog()
	kept, deleteErr := false, error(nil)
	if x.keep(interrupted) {
		kept, deleteErr = true, within(ctx, revertWithin, func(ctx context.Context) error { return x.keepCluster(ctx, revertErr) })
	} else if revertErr == nil && !interrupted && x.kept != nil {
		kept, deleteErr = true, x.giveBack(ctx)
	} else {
		deleteErr = x.drop(ctx, x.ground)
	}
	if revertErr != nil && !kept && deleteErr == nil {
		// Whatever could not be undone went with the cluster; nothing is left for a sweep.
		revertErr = errors.Join(revertErr, x.journal.Discard())
	} else if revertErr != nil {
		revertErr = errors.Join(revertErr, x.journal.Close())
	}
	return errors.Join(revertErr, logErr, deleteErr)
}

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

func (x *armRun) closeLog() error {
	if x.log == nil {
		return nil
	}
	return x.log.Close()
}

// collect takes logs, never files of the nodes: an allow-list (cluster.Logs). What looks like a secret is taken out of
// them and of what the tool printed.
func (x *armRun) collect(ctx context.Context) error {
	errs := []error{x.cluster.Logs(ctx, x.evidence())}
	if x.site != nil {
		out, err := x.Engine.Run(ctx, nil, "logs", "--tail", "2000", x.site.Edge)
		if err == nil {
			err = os.WriteFile(filepath.Join(x.evidence(), "edge.log"), redact.Bytes(out), 0o600)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, redactLogs(x.dir))...)
}

// redactLogs rewrites every log below dir without its secrets. One that cannot be rewritten is removed.
func redactLogs(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".log" && ext != ".txt" {
			return err
		}
		if err := redactFile(path); err != nil {
			errs = append(errs, err, os.Remove(path))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func redactFile(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+".redacted", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(redact.Copy(out, in), out.Close()); err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return os.Rename(out.Name(), path)
}

// revert applies what the faults journaled. What cannot be undone goes into the record and is returned.
func (x *armRun) revert(ctx context.Context) error {
	if x.journal == nil {
		return nil
	}
	record := func(i journal.Inverse, err error) { x.emit(outcomeEvent(slo.Revert, i.String(), err)) }
	return undo(ctx, x.cluster, x.journal, record, func(line string) { x.say("%s", line) })
}

// keep tells whether the cluster outlives its arm. After an interrupt nobody waits for it.
func (x *armRun) keep(interrupted bool) bool {
	return x.Keep == KeepAlways || x.Keep == KeepOnFailure && !interrupted && !x.passed()
}

// giveBack gives the ground back to the pool, which rewinds it for another arm.
func (x *armRun) giveBack(ctx context.Context) error {
	if err := (workshop{x.Session}).shelve(x.ground); err != nil {
		return errors.Join(err, x.drop(ctx, x.ground))
	}
	x.pool.put(x.ground)
	return nil
}

// drop deletes a ground that nobody is to use again.
func (s *Session) drop(ctx context.Context, g *ground) error {
	if g == nil {
		return nil
	}
	s.pool.forget()
	return workshop{s}.delete(ctx, g)
}

// keepCluster marks the cluster as wanted and says how to reach it.
func (x *armRun) keepCluster(ctx context.Context, revertErr error) error {
	x.pool.forget()
	if err := errors.Join(x.Home.Keep(x.cluster.Name(), x.cluster.Kubeconfig()), x.guard.forget(x.cluster.Kubeconfig())); err != nil {
		return err
	}
	state := "faults reverted"
	if revertErr != nil {
		state = "faults NOT reverted: nov30 sweep tries again"
	} else if err := x.cluster.ClearBackOff(ctx); err != nil {
		state += fmt.Sprintf("; kubelet could not be restarted, so the API may take five minutes: %v", err)
	}
	x.say("kept cluster %s (%s):", x.cluster.Name(), state)
	x.say("  kubectl --kubeconfig %s get nodes,pods -A", x.cluster.Kubeconfig())
	x.say("  %s exec -it %s bash", strings.Join(append(x.Engine.Env(), x.Engine.Name), " "), x.cluster.Nodes()[0].Name())
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
