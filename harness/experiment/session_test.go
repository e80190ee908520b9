package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

func verdicts(states ...slo.State) []slo.Verdict {
	var all []slo.Verdict
	for n, s := range states {
		all = append(all, slo.Verdict{Name: "s" + strconv.Itoa(n), Verdict: s, Reasons: []string{}})
	}
	return all
}

func TestFinishGivesTheWorstExitCodeAndWritesIt(t *testing.T) {
	incomplete := verdicts(slo.Pass)
	incomplete[0].RevertIncomplete = true
	broken := errors.New("the engine has gone")
	for name, c := range map[string]struct {
		verdicts    []slo.Verdict
		err         error
		interrupted bool
		want        int
	}{
		"pass":                           {verdicts(slo.Pass, slo.Pass), nil, false, 0},
		"one fails":                      {verdicts(slo.Pass, slo.Fail), nil, false, 1},
		"one is inconclusive":            {verdicts(slo.Pass, slo.Inconclusive), nil, false, 2},
		"no verdict":                     {nil, nil, false, 2},
		"infrastructure beside a pass":   {verdicts(slo.Pass), broken, false, 3},
		"infrastructure":                 {verdicts(slo.Inconclusive), broken, false, 3},
		"a failure stays proven":         {verdicts(slo.Fail, slo.Inconclusive), broken, false, 1},
		"interrupted":                    {verdicts(slo.Inconclusive), broken, true, 130},
		"interrupted before any verdict": {nil, nil, true, 130},
		"a revert is incomplete":         {incomplete, nil, false, 4},
		"incomplete outweighs the rest":  {append(verdicts(slo.Fail), incomplete...), broken, true, 4},
	} {
		t.Run(name, func(t *testing.T) {
			released := 0
			s := &Session{Dir: t.TempDir(), release: func() { released++ }, err: c.err}
			s.results.Verdicts = c.verdicts
			code, err := s.Finish(c.interrupted)
			if err != nil || code != c.want || released != 1 {
				t.Errorf("code %d, %v, released %d times; want %d", code, err, released, c.want)
			}
			text, err := os.ReadFile(filepath.Join(s.Dir, report.ExitFile))
			if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(c.want) {
				t.Errorf("the file says %q, %v", text, err)
			}
		})
	}
}

func (b *bench) options(t *testing.T) Options {
	return Options{Engine: b.Engine, Home: b.home, Cache: t.TempDir(), Out: filepath.Join(t.TempDir(), "out"), Image: "nov30/node:test",
		Clock: clockwork.NewRealClock(), Progress: func(line string) { b.said = append(b.said, line) }}
}

func TestARunHoldsItselfAndHasItsOwnDirectory(t *testing.T) {
	b := newBench(t, `'network ls '*) exit;;`)
	s, err := Begin(t.Context(), b.options(t))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\d{8}-\d{6}-[0-9a-f]{6}$`).MatchString(s.Run) || s.Dir != filepath.Join(s.Out, s.Run) || !living(t, b.home, s.Run) {
		t.Errorf("run %s in %s, alive %v", s.Run, s.Dir, living(t, b.home, s.Run))
	}
	if latest, err := os.Readlink(filepath.Join(s.Out, report.LatestLink)); err != nil || latest != s.Run {
		t.Errorf("latest is %s, %v", latest, err)
	}
	if _, err := s.Finish(false); err != nil || living(t, b.home, s.Run) {
		t.Errorf("%v, alive afterwards %v", err, living(t, b.home, s.Run))
	}
}

func TestARunDoesNotBeginOverWhatCouldNotBeUndone(t *testing.T) {
	b := newBench(t, `'network ls '*) echo 'Cannot connect' >&2; exit 1;;`)
	o := b.options(t)
	if _, err := Begin(t.Context(), o); err == nil || !strings.Contains(err.Error(), "earlier run") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(o.Out); !os.IsNotExist(err) {
		t.Errorf("results of a run that never began: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.home.runs(), "*")); len(left) > 0 {
		t.Errorf("still held: %v", left)
	}
}

func TestAScenarioWhoseClusterCannotBeMadeIsInconclusiveAndInfrastructure(t *testing.T) {
	b := newBench(t, `'network ls '*|'ps '*) exit;; 'network create '*) echo 'no address pool left' >&2; exit 1;; 'network rm '*) echo 'not found' >&2; exit 1;;`)
	s, err := Begin(t.Context(), b.options(t))
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Scenario(t.Context(), goodScenario())
	if err == nil || v.Verdict != slo.Inconclusive || len(v.Reasons) == 0 || !strings.Contains(v.Reasons[0], "no address pool left") {
		t.Errorf("verdict %+v, %v", v, err)
	}
	for _, c := range b.calls() { // the tool sees the cluster's name
		if strings.HasPrefix(c, "network create ") && strings.Contains(c, "etcd") {
			t.Errorf("the cluster's name tells the scenario: %s", c)
		}
	}
	if code, err := s.Finish(false); err != nil || code != slo.ExitInfrastructure {
		t.Errorf("code %d, %v", code, err)
	}
	if got, err := report.ReadVerdicts(s.Dir); err != nil || len(got) != 1 || got[0].Verdict != slo.Inconclusive {
		t.Errorf("verdicts %+v, %v", got, err)
	}
}
