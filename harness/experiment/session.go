package experiment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// Options of a run.
type Options struct {
	Engine   *engine.Engine
	Home     Home
	Cache    string
	Out      string // results go to Out/RUN
	Image    string // node image; empty: the one of Kubernetes, made if there is none
	Offline  bool
	Clock    clockwork.Clock
	Progress func(string)

	Choices
}

// Session is one run: it owns a directory of results and every cluster it makes.
type Session struct {
	Options
	Run string // the run's id
	Dir string // Out/RUN

	provider cluster.Provider
	clusters atomic.Int64 // made so far
	release  func()
	mu       sync.Mutex
	results  report.Results
	err      error // infrastructure: the worst that happened beside the verdicts
}

// Begin starts a run: it undoes what dead runs left, makes sure of the node image, and creates the directory of results.
func Begin(ctx context.Context, o Options) (*Session, error) {
	id, err := newRun(o.Clock)
	if err != nil {
		return nil, err
	}
	s := &Session{Options: o, Run: id, provider: cluster.Provider{Engine: o.Engine, Clock: o.Clock, Home: o.Home.ID(), Progress: o.Progress}}
	if s.release, err = o.Home.Hold(id); err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func (s *Session) begin(ctx context.Context) error {
	if _, err := Sweep(ctx, s.provider, s.Home, false, s.Progress); err != nil {
		return fmt.Errorf("an earlier run left something that could not be undone: %w", err)
	}
	if s.Image == "" {
		b := nodeimage.Builder{Engine: s.Engine, Clock: s.Clock, Cache: s.Cache, Offline: s.Offline, Progress: s.Progress}
		image, err := b.Ensure(ctx, s.Kubernetes)
		if err != nil {
			return err
		}
		s.Image = image
	}
	var err error
	s.Dir, err = report.CreateRun(s.Out, s.Run)
	return err
}

// newRun makes an id that sorts by time and is unique on a machine.
func newRun(c clockwork.Clock) (string, error) {
	var b [3]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return c.Now().UTC().Format("20060102-150405-") + hex.EncodeToString(b[:]), nil
}

// Scenario runs the arms of one scenario and judges them. The error is about the experiment, not about the tool; the
// verdict's reasons carry it too.
func (s *Session) Scenario(ctx context.Context, sc Scenario) (slo.Verdict, error) {
	spec, err := sc.Spec()
	if err != nil {
		return s.add(Absent(sc.Name, err), nil, err), err
	}
	arms := s.Arms
	if len(arms) == 0 {
		arms = spec.Arms
	}
	records := map[slo.Arm]slo.Record{}
	for _, a := range arms {
		rec, armErr := s.arm(ctx, sc, spec, a)
		if rec.Arm == a {
			records[a] = rec
		}
		if armErr != nil {
			err = fmt.Errorf("%s, arm %s: %w", sc.Name, a, armErr)
			break
		}
	}
	v := slo.Evaluate(records, spec)
	if err != nil {
		v.Reasons = append([]string{err.Error()}, v.Reasons...)
	}
	return s.add(v, records, err), err
}

// Absent is the verdict of a scenario that was selected but did not run to its end.
func Absent(scenario string, why error) slo.Verdict {
	return slo.Verdict{Name: scenario, Verdict: slo.Inconclusive, Reasons: []string{"it did not run to its end: " + why.Error()},
		WrongCulprits: []string{}, Changes: []slo.ChangeResult{}, Objectives: []slo.ObjectiveResult{}, Arms: map[slo.Arm]slo.ArmVerdict{}}
}

// Missing gives every one of these scenarios that has no verdict an inconclusive one: what was asked for and did not
// run must not look like a pass.
func (s *Session) Missing(why error, scenarios ...string) {
	for _, name := range scenarios {
		if !slices.ContainsFunc(s.verdicts(), func(v slo.Verdict) bool { return v.Name == name }) {
			s.add(Absent(name, why), nil, nil)
		}
	}
}

func (s *Session) verdicts() []slo.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.results.Verdicts)
}

func (s *Session) add(v slo.Verdict, records map[slo.Arm]slo.Record, err error) slo.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results.Records == nil {
		s.results.Run, s.results.Records = s.Run, report.Records{}
	}
	s.results.Records[v.Name] = records
	s.results.Verdicts = append(s.results.Verdicts, v)
	s.err = errors.Join(s.err, err)
	return v
}

// Finish writes the reports and the exit code, and ends the run. interrupted is whether somebody asked to stop.
func (s *Session) Finish(interrupted bool) (int, error) {
	defer s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := slo.ExitCode(s.results.Verdicts)
	var incomplete *journal.IncompleteError
	switch {
	case code == slo.ExitRevertIncomplete || errors.As(s.err, &incomplete):
		code = slo.ExitRevertIncomplete
	case interrupted:
		code = slo.ExitInterrupted
	case s.err != nil && code != slo.ExitFail:
		code = slo.ExitInfrastructure
	}
	s.results.Exit = code
	return code, report.Write(s.Dir, s.results)
}

func (s *Session) say(format string, args ...any) {
	if s.Progress != nil {
		s.Progress(fmt.Sprintf(format, args...))
	}
}
