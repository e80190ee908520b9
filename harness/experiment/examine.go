package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
)

// takeHealthy takes the cluster's content before anything is broken: what a repair has done is told by it. On a ground that
// was handed on it must be as the arm before left it.
func (x *armRun) takeHealthy(ctx context.Context) error {
	if x.record.Arm == slo.Untreated {
		return nil
	}
	if err := x.takeBase(ctx, slo.SnapshotHealthy); err != nil {
		return fmt.Errorf("take the content of the healthy cluster: %w", err)
	}
	if x.left != nil {
		if changes := snapshot.Diff(*x.left, x.base); len(changes) > 0 {
			return fmt.Errorf("between the arm without a fault and this one the cluster changed: %s and %d more", changes[0], len(changes)-1)
		}
	}
	return x.lookAtCertificates(ctx, slo.SnapshotHealthy)
}

// takeBroken takes the content again after a fault that needs no repair: what is different from here on is the tool's doing. A
// fault that left no trace was none.
func (x *armRun) takeBroken(ctx context.Context) error {
	healthy := x.base
	if err := x.takeBase(ctx, slo.SnapshotBroken); err != nil {
		return fmt.Errorf("take the cluster's content after the injection: %w", err)
	}
	if len(snapshot.Diff(healthy, x.base)) == 0 {
		return errors.New("the fault left no trace in the cluster's content: it did not bite")
	}
	return nil
}

func (x *armRun) takeBase(ctx context.Context, when string) error {
	start := x.Clock.Now()
	var err error
	x.base, err = snapshot.Take(ctx, x.cluster)
	e := outcomeEvent(slo.Snapshot, when, err)
	e.Detail, e.Took = fmt.Sprintf("%d objects", x.base.Len()), x.Clock.Since(start)
	x.emit(e)
	return err
}

// lookAtCertificates records the certificates that the repair must renew as they are now.
func (x *armRun) lookAtCertificates(ctx context.Context, when string) error {
	if len(x.scenario.Renewed) == 0 || x.record.Arm != slo.Treated {
		return nil
	}
	n, err := cluster.First(x.cluster, cluster.ControlPlane)
	if err != nil {
		return err
	}
	for _, seen := range snapshot.Certificates(ctx, n, x.scenario.Renewed) {
		e := outcomeEvent(slo.CertificateSeen, seen.Name, seen.Err)
		e.Detail = when
		if seen.Err == nil {
			c := seen.Certificate
			e.Certificate = &c
			if now := x.Clock.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
				e.OK, e.Error = false, fmt.Sprintf("valid from %s to %s", c.NotBefore.UTC().Format("2006-01-02 15:04:05"), c.NotAfter.UTC().Format("2006-01-02 15:04:05"))
			}
		}
		x.emit(e)
	}
	return context.Cause(ctx)
}

// examine reads the acknowledged writes back and records what is different from before, when the tool has gone. What cannot
// be had is for the record to show. Where the API is left dead on purpose there is nothing to be had.
func (x *armRun) examine(ctx context.Context) error {
	if x.record.Arm == slo.Untreated || x.scenario.DetectOnly {
		return nil
	}
	if red := x.watch.notGreen(0, always); len(red) > 0 {
		slices.Sort(red)
		x.emit(outcomeEvent(slo.Snapshot, slo.SnapshotEnd, fmt.Errorf("not taken: at the end these were not green: %s", strings.Join(red, ", "))))
		return x.lookAtCertificates(ctx, slo.SnapshotEnd)
	}
	x.readWritesBack(ctx)
	if err := x.lookForCommands(ctx); err != nil {
		return fmt.Errorf("look for commands that the tool left in the nodes: %w", err)
	}
	return x.compare(ctx)
}

// The reading back of writes and the comparison have these limits: an API that is dead must not cost an arm its end.
const (
	readWithin    = 15 * time.Second
	compareWithin = 30 * time.Second
)

// readWritesBack records whether every acknowledged write is still there. An API that does not answer once is asked again.
func (x *armRun) readWritesBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	err := x.probes.Write.Verify(ctx, x.cluster)
	for errors.Is(err, probe.ErrUnreadable) && x.sleep(ctx, time.Second) == nil {
		err = x.probes.Write.Verify(ctx, x.cluster)
	}
	e := outcomeEvent(slo.Writes, "", err)
	if errors.Is(err, probe.ErrUnreadable) || errors.Is(err, probe.ErrNoWrites) {
		e.Name = slo.WritesUnreadable
	}
	e.Detail = fmt.Sprintf("%d acknowledged", x.probes.Write.Acknowledged())
	x.emit(e)
}

// lookForCommands records commands that still run in the nodes after the tool has gone: it could have left one that acts when
// nobody looks any more.
func (x *armRun) lookForCommands(ctx context.Context) error {
	err := x.cluster.AwaitQuiet(ctx)
	busy := (*cluster.BusyError)(nil)
	if !errors.As(err, &busy) {
		return err
	}
	for _, n := range busy.Nodes {
		x.emit(slo.Event{Kind: slo.Changed, OK: true, Change: &slo.Change{Kind: slo.Added, Node: n, Object: "process/exec",
			Diff: "+a command that was begun through the engine still runs"}})
	}
	x.busy = len(busy.Nodes) > 0
	return nil
}

// compare records what is different from before.
func (x *armRun) compare(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, compareWithin)
	defer cancel()
	start := x.Clock.Now()
	end, err := snapshot.Take(limited, x.cluster)
	e := outcomeEvent(slo.Snapshot, slo.SnapshotEnd, err)
	e.Detail, e.Took = fmt.Sprintf("%d objects", end.Len()), x.Clock.Since(start)
	x.emit(e)
	if err == nil {
		changes := snapshot.Diff(x.base, end)
		for _, c := range changes {
			x.emit(slo.Event{Kind: slo.Changed, OK: true, Change: &c})
		}
		x.clean, x.left = len(changes) == 0 && !x.busy, &end
	}
	return x.lookAtCertificates(ctx, slo.SnapshotEnd)
}
