package experiment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/canary"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// A run whose scenarios ended in every way there is: its verdicts, computed again from its files alone, are the same to the
// byte.
func TestVerdictsAreComputedAgainFromTheFilesAlone(t *testing.T) {
	s := &Session{Dir: t.TempDir(), Run: "r1", release: func() {}}
	spec, err := goodScenario().Spec()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"whole", "broken", "half"} {
		dir, err := report.CreateArm(s.Dir, name, slo.Untreated)
		if err != nil {
			t.Fatal(err)
		}
		sp := spec
		sp.Scenario = name
		if err := report.WriteRecord(dir, slo.Record{Version: slo.RecordVersion, Run: "r1", Scenario: name, Arm: slo.Untreated, Spec: sp}); err != nil {
			t.Fatal(err)
		}
		log, err := report.OpenLog(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(log.Append(slo.Event{Kind: slo.Phase, Name: slo.PhaseSteady, OK: true}), log.Close()); err != nil {
			t.Fatal(err)
		}
		var broken error
		if name == "broken" {
			broken = errors.New("the engine has gone, token: abcdefghijklmnopqrstuvwxyz0123456789")
		}
		if _, err := s.judge(report.Selected{Name: name, Spec: sp, Broken: text(broken)}, broken); !errors.Is(err, broken) {
			t.Fatal(err)
		}
	}
	s.Missing(errors.New("interrupted"), "never", "whole")
	if _, err := s.Finish(true); err != nil {
		t.Fatal(err)
	}
	j, err := report.Judge(s.Dir)
	if err != nil || len(j.Verdicts) != 4 {
		t.Fatalf("%+v, %v", j.Verdicts, err)
	}
	written, err := os.ReadFile(filepath.Join(s.Dir, report.VerdictsFile))
	if err != nil || !bytes.Equal(written, j.Text) {
		t.Errorf("judged again:\n%s\nwritten:\n%s", j.Text, written)
	}
	for _, v := range j.Verdicts {
		if v.Verdict != slo.Inconclusive {
			t.Errorf("%s is %s", v.Name, v.Verdict)
		}
	}
	if got := strings.Join(j.Verdicts[1].Reasons, "\n"); !strings.Contains(got, "the engine has gone") {
		t.Errorf("why it broke is lost: %s", got)
	}
}

func TestAScenarioThatBrokeIsNeverAPass(t *testing.T) {
	// A whole record cannot be had here; that it could not be cleaned up must outweigh whatever the records say.
	v := report.Selected{Name: "x", Broken: "the cluster could not be deleted"}.Verdict(nil)
	if v.Verdict == slo.Pass || v.Reasons[0] != "the cluster could not be deleted" {
		t.Errorf("%+v", v)
	}
}

func TestASecretInTheOutputIsAnErrorThatNamesTheFile(t *testing.T) {
	secret := canary.New()
	s := &Session{Dir: t.TempDir(), release: func() {}, canary: &secret}
	for _, secret := range s.canary.SecretData() {
		if err := os.WriteFile(filepath.Join(s.Dir, "leak.txt"), append([]byte("x "), secret...), 0o600); err != nil {
			t.Fatal(err)
		}
		break
	}
	s.results.Verdicts = verdicts(slo.Pass)
	code, err := s.Finish(false)
	if code != slo.ExitInfrastructure || !errors.Is(err, ErrSecret) || !strings.Contains(err.Error(), "leak.txt") {
		t.Errorf("code %d, %v", code, err)
	}
	if text, _ := os.ReadFile(filepath.Join(s.Dir, report.ExitFile)); strings.TrimSpace(string(text)) != "3" {
		t.Errorf("the file says %s", text)
	}
}
