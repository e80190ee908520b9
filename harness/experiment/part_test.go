package experiment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// record leaves the record of one arm as a process writes it.
func record(t *testing.T, s *Session, scenario string) report.Selected {
	t.Helper()
	spec, err := goodScenario().Spec()
	if err != nil {
		t.Fatal(err)
	}
	spec.Scenario = scenario
	dir, err := report.CreateArm(s.Dir, scenario, slo.Untreated)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.WriteRecord(dir, slo.Record{Version: slo.RecordVersion, Run: s.Run, Scenario: scenario, Arm: slo.Untreated, Spec: spec}); err != nil {
		t.Fatal(err)
	}
	log, err := report.OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(log.Append(slo.Event{Kind: slo.Phase, Name: slo.PhaseSteady, OK: true}), log.Close()); err != nil {
		t.Fatal(err)
	}
	return report.Selected{Name: scenario, Spec: spec}
}

// ran is a scenario that ended without an error: its verdict, from half a record, is inconclusive.
func ran(t *testing.T, s *Session, scenario string) {
	t.Helper()
	if _, err := s.judge(record(t, s, scenario), nil); err != nil {
		t.Fatal(err)
	}
}

func names(all []slo.Verdict) string {
	var names []string
	for _, v := range all {
		names = append(names, v.Name)
	}
	return strings.Join(names, " ")
}

func (r *shared) finish(t *testing.T, want int) []slo.Verdict {
	t.Helper()
	code, _ := r.first.Finish(false)
	all, err := report.ReadVerdicts(r.first.Dir)
	if code != want || err != nil {
		t.Errorf("code %d, want %d; %v", code, want, err)
	}
	return all
}

func TestMergedVerdictsAreInTheOrderOfTheCatalogueAndJudgedTheSameAgain(t *testing.T) {
	r := newShared(t, 3)
	two, three := r.join(t, 2), r.join(t, 3)
	ran(t, three, "s-two")
	ran(t, r.first, "s-three")
	ran(t, two, "s-four")
	ran(t, two, "s-one")
	two.results.Timings = []report.Timing{{Seconds: 2}}
	two.file.Leaks = []string{"a leak"}
	for _, s := range []*Session{three, two} {
		if err := s.Leave(false); err != nil {
			t.Fatal(err)
		}
	}
	r.first.Missing(errors.New("not run"), "s-one", "s-two", "s-three", "s-four")
	if got := names(r.finish(t, slo.ExitInconclusive)); got != "s-one s-two s-three s-four" {
		t.Errorf("order: %s", got)
	}
	if len(r.first.results.Timings) != 1 {
		t.Errorf("timings: %v", r.first.results.Timings)
	}
	if run, err := report.ReadRunFile(r.first.Dir); err != nil || len(run.Leaks) != 1 || len(run.Timings) > 0 {
		t.Errorf("run.json: leaks %v, timings %v, %v", run.Leaks, run.Timings, err)
	}
	sameAgain(t, r.first.Dir)
	if left, _ := os.ReadDir(filepath.Join(r.first.Dir, report.ProcessesDir)); left != nil {
		t.Errorf("parts that were taken in are still there: %v", left)
	}
}

// sameAgain judges and reports a run from its files: every file is the same to the byte.
func sameAgain(t *testing.T, dir string) {
	t.Helper()
	files := []string{report.VerdictsFile, report.HTMLFile, report.MarkdownFile, report.JUnitFile, report.ConfusionFile}
	before := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %v", f, err)
		}
		before[f] = text
	}
	j, err := report.Judge(dir)
	if err != nil || !bytes.Equal(j.Text, before[report.VerdictsFile]) {
		t.Errorf("judged again: %v\n%s\nwritten:\n%s", err, j.Text, before[report.VerdictsFile])
	}
	if err := report.Render(dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if now, err := os.ReadFile(filepath.Join(dir, f)); err != nil || !bytes.Equal(now, before[f]) {
			t.Errorf("%s is another one when it is made again, %v", f, err)
		}
	}
}

func TestAProcessThatDiedWithoutAWordNeverGivesAPass(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, r *shared){
		"it never joined": func(*testing.T, *shared) {},
		"it died in its only scenario": func(t *testing.T, r *shared) {
			s := r.join(t, 2)
			record(t, s, "s-two")
			s.release()
		},
		"it died between two": func(t *testing.T, r *shared) {
			s := r.join(t, 2)
			s.add(report.Selected{Name: "s-one", Absent: true}, nil, nil)
			s.release()
		},
		"its part is damaged": func(t *testing.T, r *shared) {
			s := r.join(t, 2)
			if err := errors.Join(s.Leave(false), os.WriteFile(filepath.Join(s.part, report.RunFile), []byte("{"), 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		"its part is another one's": func(t *testing.T, r *shared) {
			s := r.join(t, 2)
			s.file.Run = "r9-p2"
			if err := s.Leave(false); err != nil {
				t.Fatal(err)
			}
		},
		"it lives and does not leave": func(t *testing.T, r *shared) {
			s := r.join(t, 2)
			t.Cleanup(s.release)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newShared(t, 2)
			r.first.results.Verdicts = verdicts(slo.Pass)
			leave(t, r)
			r.first.Missing(errors.New("its process died"), "s-one", "s-two")
			code, err := r.first.Finish(false)
			if code != slo.ExitInfrastructure || err == nil || !strings.Contains(err.Error(), "process 2 (run "+r.first.Run+"-p2)") {
				t.Errorf("code %d, %v", code, err)
			}
			all, err := report.ReadVerdicts(r.first.Dir)
			if err != nil || names(all) != "s-one s-two s0" || all[0].Verdict == slo.Pass || all[1].Verdict == slo.Pass {
				t.Errorf("%+v, %v", all, err)
			}
		})
	}
}

func TestADeadProcesssRecordsAreReportedUnderTheRun(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	ran(t, s, "s-one")
	record(t, s, "s-two")
	s.release()
	r.first.Missing(errors.New("its process died"), "s-one", "s-two", "s-three")
	all := r.finish(t, slo.ExitInfrastructure)
	if names(all) != "s-one s-two s-three" || strings.Contains(strings.Join(all[0].Reasons, ""), "its process died") {
		t.Errorf("what it had done is lost: %+v", all)
	}
	sameAgain(t, r.first.Dir)
	if again, err := report.Read(r.first.Dir); err != nil || again.Run != r.first.Run {
		t.Errorf("reported as run %s, %v", again.Run, err)
	}
}

func TestWhatADeadProcessLeftIsUndoneBeforeTheRunEnds(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	key := filepath.Join(r.first.Dir, "s-one", "treated", "kubeconfig")
	if err := errors.Join(os.MkdirAll(filepath.Dir(key), 0o700), s.leaves(remnant{Remove: key}), os.WriteFile(key, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s.stop.close()
	// A killed process lets go of its lock without tidying.
	dead, release := s.Run, s.release
	note, err := os.ReadFile(r.home.tidyFile(dead))
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := errors.Join(os.WriteFile(r.home.tidyFile(dead), note, 0o600), os.WriteFile(filepath.Join(r.home.runs(), dead+".lock"), nil, 0o600), os.WriteFile(key, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.finish(t, slo.ExitInfrastructure)
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("a key is still there: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.home.runs(), "*")); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

func TestADeadProcessThatCannotBeUndoneIsExit4(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	if err := r.leftBroken(t, s.Run, "nov30-"+s.Run+"-1").Close(); err != nil {
		t.Fatal(err)
	}
	s.release()
	script := "#!/bin/sh\necho 'Cannot connect' >&2; exit 1\n" // the engine has gone
	if err := os.WriteFile(r.Engine.Bin, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r.finish(t, slo.ExitRevertIncomplete)
}

func TestTheWorstThatAProcessTellsCounts(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		interrupted bool
		want        int
	}{
		"nothing":                {nil, false, slo.ExitPass},
		"infrastructure":         {errors.New("the engine has gone"), false, slo.ExitInfrastructure},
		"interrupted":            {errors.New("the engine has gone"), true, slo.ExitInterrupted},
		"a revert is incomplete": {&journal.IncompleteError{Journal: "j"}, true, slo.ExitRevertIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			r := newShared(t, 2)
			r.first.results.Verdicts = verdicts(slo.Pass)
			s := r.join(t, 2)
			s.err = c.err
			if err := s.Leave(c.interrupted); err != nil {
				t.Fatal(err)
			}
			r.finish(t, c.want)
		})
	}
}

func TestWhyAProcessFailedKeepsNoSecret(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	s.err = errors.New("token: abcdefghijklmnopqrstuvwxyz0123456789")
	if err := s.Leave(false); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.part, report.RunFile))
	if err != nil || bytes.Contains(text, []byte("abcdefghij")) || !bytes.Contains(text, []byte(`"broken"`)) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAScenarioThatTwoProcessesRanIsNoPass(t *testing.T) {
	r := newShared(t, 2)
	r.first.results.Verdicts = []slo.Verdict{{Name: "s-one", Verdict: slo.Pass}}
	s := r.join(t, 2)
	s.add(report.Selected{Name: "s-one", Absent: true}, nil, nil)
	if err := s.Leave(false); err != nil {
		t.Fatal(err)
	}
	if all := r.finish(t, slo.ExitInfrastructure); names(all) != "s-one" {
		t.Errorf("%+v", all)
	}
}

func TestARunKilledAsAWholeIsJudgedWithTheOthersParts(t *testing.T) {
	r := newShared(t, 2)
	s := r.join(t, 2)
	ran(t, r.first, "s-one")
	ran(t, s, "s-two")
	j, err := report.Judge(r.first.Dir)
	if err != nil || j.Finished || names(j.Verdicts) != "s-one s-two" {
		t.Errorf("%+v, %v", j, err)
	}
	if _, ok := j.Verdicts[1].Arms[slo.Untreated]; !ok {
		t.Errorf("judged without its record: %+v", j.Verdicts[1])
	}
}
