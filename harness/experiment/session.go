package experiment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/canary"
	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/redact"
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
	// Guardian is the command line of the program that undoes this run should this process die; `nov30 guardian`. Empty:
	// only the nodes' time limits and the next sweep undo it.
	Guardian []string
	// NodeProgram is nov30-node, which is copied into the nodes for their time limit. Empty: there is none.
	NodeProgram string
	// Order is the order of the scenarios in verdicts and reports; what it does not name comes last. Empty: as they ended.
	Order []string

	Choices
}

// Session is one run, or one process's part in a run of several: it owns a directory of results and every cluster it makes.
type Session struct {
	Options
	Run string // the run's id; of a process that joined one, an id of its own
	Dir string // Out/RUN, the same for all processes of a run

	provider cluster.Provider
	clusters atomic.Int64 // made so far
	pool     *pool
	capacity engine.Capacity // of the machine, when the run began
	release  func()
	guard    *guarded
	stop     *stopFile
	canary   *canary.Canary // planted in every cluster; nil: not begun

	processes int       // that were invited, with this one
	merged    sync.Once // guards the taking in of what the others leave
	inviter   string    // the run that this process joined; empty: it began the run itself
	part      string    // the directory of its part then

	mu      sync.Mutex
	file    report.Run
	results report.Results
	err     error // infrastructure: the worst that happened beside the verdicts
	lost    error // processes that ended without a word
}

// Begin starts a run: it undoes what dead runs left and refuses to begin over what it could not undo, makes sure of the node
// image, creates the directory of results and starts the guardian.
func Begin(ctx context.Context, o Options) (*Session, error) {
	id, err := newRun(o.Clock)
	if err != nil {
		return nil, err
	}
	secret := canary.New()
	s := newSession(o, id, &secret)
	if s.release, err = o.Home.Hold(id); err != nil {
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

func newSession(o Options, run string, secret *canary.Canary) *Session {
	s := &Session{Options: o, Run: run, canary: secret,
		provider: cluster.Provider{Engine: o.Engine, Clock: o.Clock, Home: o.Home.ID(), Progress: o.Progress}}
	s.pool = newPool(workshop{s}, o.Clusters, o.Clock, s.say)
	return s
}

func (s *Session) begin(ctx context.Context) error {
	if _, err := Sweep(ctx, s.provider, s.Home, Scope{}, s.Progress); err != nil {
		return fmt.Errorf("an earlier run left something that could not be undone: %w", err)
	}
	if err := s.Home.awaitNoOpenJournal(ctx, s.Clock); err != nil {
		return err
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
	if s.capacity, err = engine.MeasureCapacity(ctx, s.Engine); err != nil {
		return err
	}
	if s.Clusters == 0 {
		s.pool.resize(clustersEach(s.capacity, 1))
	}
	private() // not before: files of an image must be readable in it
	if s.Dir, err = report.CreateRun(s.Out, s.Run); err != nil {
		return err
	}
	if s.Dir, err = filepath.Abs(s.Dir); err != nil {
		return err
	}
	s.file = report.Run{Run: s.Run, Tool: s.Tool.String()}
	if err := s.save(); err != nil {
		return err
	}
	s.stop = watchStop(s.Dir, s.Clock)
	s.guard, err = s.startGuardian()
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
	if err = errors.Join(err, s.abandoned()); err != nil {
		return s.absent(sc.Name, err), err
	}
	err = s.Measure(ctx, sc, spec, s.Arms)
	return s.judge(report.Selected{Name: sc.Name, Spec: spec, Broken: text(err)}, err)
}

// Measure runs arms of a scenario, all of the spec's if none are named, and leaves their records in the run's directory. The
// arm without a fault and the treated one share a cluster where the first has left no trace on it.
func (s *Session) Measure(ctx context.Context, sc Scenario, spec slo.Spec, arms []slo.Arm) error {
	if len(arms) == 0 {
		arms = spec.Arms
	}
	ctx, cancel := s.stop.cancels(ctx)
	defer cancel()
	var on *ground
	var order []slo.Arm
	for _, a := range running {
		if slices.Contains(arms, a) {
			order = append(order, a)
		}
	}
	for n, a := range order {
		var err error
		pass := s.Clean == CleanRewind && a == slo.Sham && n+1 < len(order) && order[n+1] == slo.Treated
		if on, err = s.arm(ctx, sc, spec, a, on, pass); err != nil {
			return errors.Join(fmt.Errorf("%s, arm %s: %w", sc.Name, a, err), s.drop(context.WithoutCancel(ctx), on))
		}
	}
	return nil
}

// running is the order in which arms run: the one without a fault tells at once, and at the least cost, whether machine and
// tool are fit for the others, and hands its cluster on.
var running = []slo.Arm{slo.Sham, slo.Treated, slo.Untreated}

// judge computes a scenario's verdict from what is on disk, as `nov30 judge` does, and keeps it.
func (s *Session) judge(sel report.Selected, err error) (slo.Verdict, error) {
	records, readErr := report.ReadScenario(s.Dir, sel.Name)
	if readErr != nil {
		err = errors.Join(err, readErr)
		sel.Absent, sel.Broken = true, err.Error()
	}
	return s.add(sel, records, err), err
}

// absent is the verdict of a scenario that was selected but did not run.
func (s *Session) absent(scenario string, why error) slo.Verdict {
	return s.add(report.Selected{Name: scenario, Absent: true, Broken: why.Error()}, nil, why)
}

// Missing gives every one of these scenarios that has no verdict an inconclusive one: what was asked for and did not
// run must not look like a pass. It is called when all processes of the run have ended, and takes in what they left.
func (s *Session) Missing(why error, scenarios ...string) {
	s.merge()
	for _, name := range scenarios {
		if !slices.ContainsFunc(s.verdicts(), func(v slo.Verdict) bool { return v.Name == name }) {
			s.add(report.Selected{Name: name, Absent: true, Broken: why.Error()}, nil, nil)
		}
	}
}

func (s *Session) verdicts() []slo.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.results.Verdicts)
}

func (s *Session) add(sel report.Selected, records map[slo.Arm]slo.Record, err error) slo.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results.Records == nil {
		s.results.Run, s.results.Records = s.Run, report.Records{}
	}
	sel.Broken = redact.String(sel.Broken)
	v := sel.Verdict(records)
	s.results.Records[v.Name] = records
	s.results.Verdicts = append(s.results.Verdicts, v)
	s.file.Scenarios = append(s.file.Scenarios, sel)
	s.err = errors.Join(s.err, err)
	s.err = errors.Join(s.err, s.save())
	return v
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (s *Session) say(format string, args ...any) {
	if s.Progress != nil {
		s.Progress(fmt.Sprintf(format, args...))
	}
}
