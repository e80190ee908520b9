package experiment

import (
	"context"
	"fmt"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
)

// takeHealthy takes the cluster's content before anything is broken: what a repair has done is told by it.
func (x *armRun) takeHealthy(ctx context.Context) error {
	if x.record.Arm == slo.Untreated {
		return nil
	}
	start := x.Clock.Now()
	var err error
	x.healthy, err = snapshot.Take(ctx, x.cluster)
	e := outcomeEvent(slo.Snapshot, slo.SnapshotHealthy, err)
	e.Detail, e.Took = fmt.Sprintf("%d objects", x.healthy.Len()), x.Clock.Since(start)
	x.emit(e)
	if err != nil {
		return fmt.Errorf("take the content of the healthy cluster: %w", err)
	}
	return x.lookAtCertificates(ctx, slo.SnapshotHealthy)
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

// examine reads the acknowledged writes back and records what is different from the healthy cluster. What cannot be had is for
// the record to show.
func (x *armRun) examine(ctx context.Context) error {
	x.readWritesBack(ctx)
	return x.compare(ctx)
}

// readWritesBack records whether every acknowledged write is still there.
func (x *armRun) readWritesBack(ctx context.Context) {
	e := outcomeEvent(slo.Writes, "", x.probes.Write.Verify(ctx, x.cluster))
	e.Detail = fmt.Sprintf("%d acknowledged", x.probes.Write.Acknowledged())
	x.emit(e)
}

// compareWithin bounds the comparison: an API that is dead must not cost an arm its end.
const compareWithin = 20 * time.Second

// compare records what is different from the healthy cluster.
func (x *armRun) compare(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, compareWithin)
	defer cancel()
	start := x.Clock.Now()
	end, err := snapshot.Take(limited, x.cluster)
	e := outcomeEvent(slo.Snapshot, slo.SnapshotEnd, err)
	e.Detail, e.Took = fmt.Sprintf("%d objects", end.Len()), x.Clock.Since(start)
	x.emit(e)
	if err == nil {
		for _, c := range snapshot.Diff(x.healthy, end) {
			x.changes++
			x.emit(slo.Event{Kind: slo.Changed, OK: true, Change: &c})
		}
	}
	return x.lookAtCertificates(ctx, slo.SnapshotEnd)
}
