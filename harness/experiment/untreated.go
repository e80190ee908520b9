package experiment

import (
	"context"
	"time"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/slo"
)

// hold lets the fault work without anybody's help and looks for its symptom until it has been seen or the hold is over.
func (x *armRun) hold(ctx context.Context, mark fault.Mark) error {
	x.phase(slo.PhaseHold)
	until := x.Clock.Now().Add(or(x.scenario.Hold, DefaultHold))
	seen := x.scenario.Symptom.Name == "" // where nothing is wrong no log tells of it
	for x.Clock.Now().Before(until) {
		if !seen {
			seen = x.lookForSymptom(ctx, mark, false)
		}
		if err := x.sleep(ctx, min(2*time.Second, x.Clock.Until(until))); err != nil {
			return err
		}
	}
	if !seen {
		x.lookForSymptom(ctx, mark, true)
	}
	return nil
}

// lookForSymptom records the symptom when it is there, and that it is not when this is the last look.
func (x *armRun) lookForSymptom(ctx context.Context, mark fault.Mark, last bool) bool {
	line, err := x.scenario.Symptom.Seen(ctx, x.cluster, mark)
	if err == nil || last {
		e := outcomeEvent(slo.Symptom, x.scenario.Symptom.Name, err)
		e.Detail = line
		x.emit(e)
	}
	return err == nil
}
