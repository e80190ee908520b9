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
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/tool"
)

// Options of a run.
type Options struct {
	Engine   *engine.Engine
	Home     Home
	Cache    string
	Out      string // results go to Out/RUN
	Tool     tool.Tool
	Arms     []slo.Arm // empty: all that a pass needs
	Keep     KeepPolicy
	Image    string // node image; empty: the one of Kubernetes, made if there is none
	Offline  bool
	Clock    clockwork.Clock
	Progress func(string)

	Kubernetes string // version; empty: the recipe's default
}

// KeepPolicy says which clusters outlive their arm.
type KeepPolicy string

// The policies.
const (
	KeepNever     KeepPolicy = ""
	KeepOnFailure KeepPolicy = "on-failure"
	KeepAlways    KeepPolicy = "always"
)

// ParseKeep reads a policy.
func ParseKeep(s string) (KeepPolicy, error) {
	if k := KeepPolicy(s); slices.Contains([]KeepPolicy{KeepNever, KeepOnFailure, KeepAlways}, k) {
		return k, nil
	}
	return "", fmt.Errorf("KEEP %q: on-failure, always, or nothing", s)
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
		version := s.Kubernetes
		if version == "" {
			r, err := nodeimage.LoadRecipe()
			if err != nil {
				return err
			}
			version = r.Default
		}
		image, err := b.Ensure(ctx, version)
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

// Scenario runs the arms of one scenario and judges them. The error is about the experiment, not about the tool: the
// verdict is then inconclusive and carries it too.
func (s *Session) Scenario(ctx context.Context, sc Scenario) (slo.Verdict, error) {
	spec, err := sc.Spec()
	if err != nil {
		return slo.Verdict{}, err
	}
	arms := s.Arms
	if len(arms) == 0 {
		arms = spec.Arms
	}
	records := map[slo.Arm]slo.Record{}
	for _, a := range arms {
		var rec slo.Record
		if rec, err = s.arm(ctx, sc, spec, a); err != nil {
			err = fmt.Errorf("%s, arm %s: %w", sc.Name, a, err)
			break
		}
		records[a] = rec
	}
	v := slo.Evaluate(records, spec)
	if err != nil {
		v.Reasons = append([]string{err.Error()}, v.Reasons...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results.Records == nil {
		s.results.Run, s.results.Records = s.Run, report.Records{}
	}
	s.results.Records[sc.Name] = records
	s.results.Verdicts = append(s.results.Verdicts, v)
	s.err = errors.Join(s.err, err)
	return v, err
}

// Finish writes the reports and the exit code, and ends the run. interrupted is whether somebody asked to stop.
func (s *Session) Finish(interrupted bool) (int, error) {
	defer s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	code := slo.ExitCode(s.results.Verdicts)
	switch {
	case code == slo.ExitRevertIncomplete:
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
