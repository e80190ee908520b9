package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/snapshot"
	"github.com/nov30/nov30/harness/tool"
	"github.com/nov30/nov30/harness/ttl"
)

// armRun is one arm while it runs.
type armRun struct {
	*Session
	*ground
	scenario Scenario
	record   slo.Record
	dir      string
	whole    bool // the record reached its end
	pass     bool // hand the ground on if the arm has left no trace on it
	handed   bool // it was handed on

	start   time.Time // the monotonic base of all offsets
	clock0  hostClock
	log     *report.EventLog
	watch   *watch
	journal *journal.File
	limit   *ttl.Limit
	base    snapshot.Snapshot // what changes are counted from
	busy    bool              // a command was left running in a node
	clean   bool              // it was compared with the healthy cluster, and nothing is different
	probes  *probe.Set
	tool    *tool.Running
	stop    []func() // ends probes and tool, last in first out
}

// arm runs one arm, on a ground that another one handed on or on a clean one of the pool, and returns the ground if it can be
// handed on in turn. The error says why there is no whole record.
func (s *Session) arm(ctx context.Context, sc Scenario, spec slo.Spec, a slo.Arm, on *ground, pass bool) (*ground, error) {
	if err := errors.Join(context.Cause(ctx), s.guard.died()); err != nil {
		return nil, errors.Join(err, s.drop(context.WithoutCancel(ctx), on))
	}
	s.say("%s: arm %s", sc.Name, a)
	dir, err := report.CreateArm(s.Dir, sc.Name, a)
	if err != nil {
		return nil, errors.Join(err, s.drop(context.WithoutCancel(ctx), on))
	}
	x := &armRun{Session: s, ground: on, pass: pass, scenario: sc, dir: dir, watch: newWatch(spec.Probes), record: slo.Record{
		Version: slo.RecordVersion, Run: s.Run, Scenario: sc.Name, Arm: a, Started: s.Clock.Now().UTC(), Spec: spec}}
	if a != slo.Untreated {
		x.record.Tool = s.Tool.String()
	}
	err = x.measure(ctx)
	if x.handed {
		return x.ground, err
	}
	return nil, err
}

// measure runs the arm and cleans up after it, whatever happens, a panic included. What was measured stays on disk even when
// the cleaning up failed.
func (x *armRun) measure(ctx context.Context) (err error) {
	defer func() {
		err = errors.Join(err, x.cleanup(context.WithoutCancel(ctx), ctx.Err() != nil))
	}()
	return x.run(ctx)
}

func (x *armRun) run(ctx context.Context) error {
	if err := x.setUp(ctx); err != nil {
		return err
	}
	if err := x.steady(ctx); err != nil {
		return err
	}
	if err := x.act(ctx); err != nil {
		return err
	}
	x.emit(outcomeEvent(slo.HostClock, "", x.clock0.check()))
	x.phase(slo.PhaseEnd)
	if x.tool != nil {
		x.tool.Stop() // what it does when it is told to go is its doing, too
	}
	start := x.Clock.Now()
	if err := x.examine(ctx); err != nil {
		return err
	}
	x.timing(report.PartJudge, x.Clock.Since(start))
	x.emit(outcomeEvent(slo.TTL, "", x.limit.Check(ctx)))
	x.whole = true
	return nil
}

// act does what the arm is for.
func (x *armRun) act(ctx context.Context) error {
	if x.record.Arm == slo.Sham {
		return x.sham(ctx)
	}
	var seen fault.Mark
	if x.scenario.Symptom.Name != "" {
		var err error
		if seen, err = x.scenario.Symptom.Mark(ctx, x.cluster); err != nil {
			return fmt.Errorf("symptom %s: %w", x.scenario.Symptom.Name, err)
		}
	}
	x.phase(slo.PhaseInject)
	if err := x.inject(ctx); err != nil {
		return err
	}
	injected := x.Clock.Now()
	do := func() error { return x.treat(ctx, injected) }
	if x.record.Arm == slo.Untreated {
		do = func() error { return x.hold(ctx, seen) }
	}
	return do()
}

// inject breaks what the scenario says. A fault that could not be injected ends the arm: the record says so.
func (x *armRun) inject(ctx context.Context) error {
	for _, f := range x.scenario.Faults {
		x.say("injecting %s", f)
		start := x.Clock.Now()
		t := touched{Fault: f.String()}
		err := f.Inject(ctx, x.cluster, touching{x.limit.Journal(x.journal), &t})
		x.used.Faults = append(x.used.Faults, t)
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
