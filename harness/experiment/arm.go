package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/site"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
)

// armRun is one arm while it runs.
type armRun struct {
	*Session
	scenario Scenario
	record   slo.Record
	dir      string
	whole    bool // the record reached its end

	start   time.Time // the monotonic base of all offsets
	clock0  hostClock
	log     *report.EventLog
	watch   *watch
	cluster *cluster.Kind
	site    *site.Site
	journal *journal.File
	probes  *probe.Set
	tool    *tool.Running
	stop    []func() // ends probes and tool, last in first out
}

// arm runs one arm on a cluster of its own. The error says why there is no record to judge.
func (s *Session) arm(ctx context.Context, sc Scenario, spec slo.Spec, a slo.Arm) (slo.Record, error) {
	s.say("%s: arm %s", sc.Name, a)
	dir, err := report.CreateArm(s.Dir, sc.Name, a)
	if err != nil {
		return slo.Record{}, err
	}
	x := &armRun{Session: s, scenario: sc, dir: dir, watch: newWatch(spec.Probes), record: slo.Record{
		Version: slo.RecordVersion, Run: s.Run, Scenario: sc.Name, Arm: a, Started: s.Clock.Now().UTC(), Spec: spec}}
	if a != slo.Untreated {
		x.record.Tool = s.Tool.String()
	}
	return x.measure(ctx)
}

// measure runs the arm and cleans up after it, whatever happens, a panic included. A whole record is returned even when
// the cleaning up failed: what was measured stays true.
func (x *armRun) measure(ctx context.Context) (rec slo.Record, err error) {
	defer func() {
		cleanErr := x.cleanup(context.WithoutCancel(ctx), ctx.Err() != nil)
		if x.whole {
			var readErr error
			rec, readErr = report.ReadRecord(x.dir) // what is judged is what is on disk
			cleanErr = errors.Join(cleanErr, readErr)
		}
		err = errors.Join(err, cleanErr)
	}()
	return slo.Record{}, x.run(ctx)
}

func (x *armRun) run(ctx context.Context) error {
	if err := x.setUp(ctx); err != nil {
		return err
	}
	if err := x.steady(ctx); err != nil {
		return err
	}
	seen, err := x.scenario.Symptom.Mark(ctx, x.cluster)
	if err != nil {
		return fmt.Errorf("symptom %s: %w", x.scenario.Symptom.Name, err)
	}
	x.phase(slo.PhaseInject)
	if err := x.inject(ctx); err != nil {
		return err
	}
	injected := x.Clock.Now()
	if x.record.Arm == slo.Untreated {
		err = x.hold(ctx, seen)
	} else {
		err = x.treat(ctx, injected)
	}
	if err != nil {
		return err
	}
	x.emit(outcomeEvent(slo.HostClock, "", x.clock0.check()))
	x.phase(slo.PhaseEnd)
	x.whole = true
	return nil
}

// inject breaks what the scenario says. A fault that could not be injected ends the arm: the record says so.
func (x *armRun) inject(ctx context.Context) error {
	for _, f := range x.scenario.Faults {
		x.say("injecting %s", f)
		start := x.Clock.Now()
		err := f.Inject(ctx, x.cluster, x.journal)
		e := outcomeEvent(slo.Fault, f.String(), err)
		e.Took = x.Clock.Since(start)
		x.emit(e)
		if err != nil {
			return fmt.Errorf("inject %s: %w", f, err)
		}
	}
	return nil
}

// emit records an event now.
func (x *armRun) emit(e slo.Event) {
	e.At = x.Clock.Since(x.start)
	x.emitAt(e)
}

// emitAt records an event that carries its own time. A failing disk shows when the log is closed.
func (x *armRun) emitAt(e slo.Event) {
	x.watch.see(e)
	_ = x.log.Append(e)
}

func (x *armRun) phase(name string) {
	x.emit(slo.Event{Kind: slo.Phase, Name: name, OK: true})
	x.say("+%5.1f s  %s", x.Clock.Since(x.start).Seconds(), name)
}

func outcomeEvent(k slo.Kind, name string, err error) slo.Event {
	e := slo.Event{Kind: k, Name: name, OK: err == nil}
	if err != nil {
		e.Error = err.Error()
	}
	return e
}

// sleep waits, unless ctx ends first.
func (x *armRun) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-x.Clock.After(d):
		return nil
	}
}

// evidence is where an arm's evidence is collected.
func (x *armRun) evidence() string { return filepath.Join(x.dir, report.EvidenceDir) }
