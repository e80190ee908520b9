package experiment

import (
	"context"
	"time"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/slo"
)

// soakSlack is recorded beyond the soak, so that its last check is in the record.
const soakSlack = 6 * time.Second

// treat waits for the tool to alarm and to repair, then holds the repair to its word: connections are cut once, and every
// probe must stay green for the soak. That something did not happen in time is for the record to show, not an error.
func (x *armRun) treat(ctx context.Context, injected time.Time) error {
	if err := x.lookAtCertificates(ctx, slo.SnapshotBroken); err != nil {
		return err
	}
	x.phase(slo.PhaseRecover)
	if x.scenario.DetectOnly {
		return x.sleep(ctx, or(x.scenario.Hold, DefaultHold))
	}
	if x.scenario.Culprit == "" {
		if err := x.takeBroken(ctx); err != nil {
			return err
		}
		return x.sleep(ctx, or(x.scenario.Hold, DefaultHold))
	}
	return x.repair(ctx, injected)
}

// repair waits for the tool's alarm and its repair, then for the soak.
func (x *armRun) repair(ctx context.Context, injected time.Time) error {
	deadline := injected.Add(or(x.scenario.Timeout, DefaultTimeout))
	alarmed, err := x.recover(ctx, deadline)
	if err != nil || !alarmed {
		return err
	}
	recovered, err := x.awaitGreen(ctx, deadline)
	if err != nil || !recovered {
		return err
	}
	x.phase(slo.PhaseSoak)
	x.emit(outcomeEvent(slo.Cut, "", fault.CutConnections(ctx, x.cluster)))
	return x.sleep(ctx, or(x.scenario.Soak, DefaultSoak)+soakSlack)
}

// stableFor is how long no probe may have been red before a repair counts as done. A control plane that comes back does
// not come back at once: Services point at pods that are gone, and the site flaps while the API is green already.
const stableFor = 5 * time.Second

// awaitGreen waits until every probe has been checked green after the repair and none was red for a while.
func (x *armRun) awaitGreen(ctx context.Context, deadline time.Time) (bool, error) {
	since := x.Clock.Since(x.start)
	for x.Clock.Now().Before(deadline) {
		if len(x.watch.notGreen(since, x.Clock.Since(x.start)-stableFor)) == 0 {
			return true, nil
		}
		if err := x.sleep(ctx, 100*time.Millisecond); err != nil {
			return false, err
		}
	}
	return false, nil
}
