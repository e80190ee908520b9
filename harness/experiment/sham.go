package experiment

import (
	"context"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/slo"
)

// sham runs the tool where nothing is wrong, with the same cut of connections as in the soak of a repair.
func (x *armRun) sham(ctx context.Context) error {
	x.phase(slo.PhaseSoak)
	x.emit(outcomeEvent(slo.Cut, "", fault.CutConnections(ctx, x.cluster)))
	return x.sleep(ctx, or(x.scenario.Soak, DefaultSoak)+soakSlack)
}
