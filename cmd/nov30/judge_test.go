package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// judgedRun is a saved run with its run.json, and its verdicts as judging gives them.
func judgedRun(t *testing.T, finished bool) (dir string) {
	t.Helper()
	dir = savedRun(t)
	records, err := report.ReadScenario(dir, "etcd-certs-expired")
	if err != nil {
		t.Fatal(err)
	}
	run := report.Run{Run: filepath.Base(dir), Finished: finished, Scenarios: []report.Selected{{Name: "etcd-certs-expired", Spec: records[slo.Treated].Spec}}}
	if err := report.WriteRun(dir, run); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestJudgeAgreesWithWhatTheRunWrote(t *testing.T) {
	judgedRun(t, true)
	code, out, err := nov30(t, "judge")
	if code != slo.ExitInconclusive || !strings.HasPrefix(out, "inconclusive etcd-certs-expired\n") {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	code, out, err = nov30(t, "judge", "-o", "json")
	written, readErr := os.ReadFile("out/latest/" + report.VerdictsFile)
	if code != slo.ExitInconclusive || readErr != nil || out != string(written) {
		t.Errorf("code %d, %v, %v: %s", code, err, readErr, out)
	}
}

func TestJudgeFindsAVerdictThatTheRecordsDoNotBearOut(t *testing.T) {
	dir := judgedRun(t, true)
	path := filepath.Join(dir, report.VerdictsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(`"inconclusive"`), []byte(`"pass"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, err := nov30(t, "judge"); code != slo.ExitInfrastructure || err == nil || !strings.Contains(err.Error(), "says otherwise") {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
}

func TestARunThatWasKilledIsNeverJudgedAPass(t *testing.T) {
	dir := judgedRun(t, false)
	if err := report.WriteRun(dir, report.Run{Run: "r", Scenarios: []report.Selected{}}); err != nil { // killed before its first verdict
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, report.VerdictsFile)); err != nil {
		t.Fatal(err)
	}
	if code, out, err := nov30(t, "judge"); code != slo.ExitInconclusive {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
}

func TestARunWithoutItsRunFileIsNotTakenForAnOldOne(t *testing.T) {
	dir := judgedRun(t, true)
	if err := os.Remove(filepath.Join(dir, report.RunFile)); err != nil {
		t.Fatal(err)
	}
	if code, out, err := nov30(t, "judge"); code != slo.ExitInfrastructure || err == nil || !strings.Contains(err.Error(), report.RunFile) {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
}

func TestAbortAsksARunToStopAndRefusesOneThatIsOver(t *testing.T) {
	dir := judgedRun(t, false)
	if code, out, err := nov30(t, "abort", "--wait=false"); code != slo.ExitPass || !strings.Contains(out, "asked run") {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, report.StopFile)); err != nil {
		t.Error(err)
	}
	if err := report.WriteRun(dir, report.Run{Run: "r", Finished: true}); err != nil {
		t.Fatal(err)
	}
	if code, _, err := nov30(t, "abort"); code != slo.ExitUsage || err == nil || !strings.Contains(err.Error(), "is over") {
		t.Errorf("code %d, %v", code, err)
	}
	if code, _, err := nov30(t, "abort", "nowhere"); code != slo.ExitUsage || err == nil {
		t.Errorf("code %d, %v", code, err)
	}
}
