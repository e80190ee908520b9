package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// savedRun is a run with one arm in out/latest of an empty working directory.
func savedRun(t *testing.T) (dir string) {
	t.Helper()
	t.Chdir(t.TempDir())
	dir, err := report.CreateRun("out", "20191130-102908-c0ffee")
	if err != nil {
		t.Fatal(err)
	}
	spec := slo.Spec{Scenario: "etcd-certs-expired", Culprit: "etcd/server", Expect: slo.Effect{Kind: slo.Outage}, Soak: time.Second,
		Probes: []slo.ProbeSpec{{Name: "api", Interval: time.Second, Timeout: time.Second, Red: true}}, Arms: []slo.Arm{slo.Untreated, slo.Treated}}
	rec := slo.Record{Version: slo.RecordVersion, Run: "20191130-102908-c0ffee", Scenario: spec.Scenario, Arm: slo.Treated, Tool: "medic v0", Spec: spec}
	arm, err := report.CreateArm(dir, rec.Scenario, rec.Arm)
	if err != nil {
		t.Fatal(err)
	}
	log, err := report.OpenLog(arm)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(report.WriteRecord(arm, rec), log.Append(slo.Event{Kind: slo.Phase, Name: slo.PhaseSteady, OK: true}),
		log.Append(slo.Event{Kind: slo.Probe, Name: "api", At: time.Second, OK: true}), log.Close())
	if err != nil {
		t.Fatal(err)
	}
	if rec, err = report.ReadRecord(arm); err != nil {
		t.Fatal(err)
	}
	arms := map[slo.Arm]slo.Record{slo.Treated: rec}
	err = report.Write(dir, report.Results{Run: rec.Run, Verdicts: []slo.Verdict{slo.Evaluate(arms, spec)}, Records: report.Records{rec.Scenario: arms}, Exit: slo.ExitInconclusive})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReportMakesEveryReportOfTheLatestRunAgain(t *testing.T) {
	dir := savedRun(t)
	for _, name := range rendered {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	code, out, err := nov30(t, "report")
	if code != 0 || err != nil {
		t.Fatalf("exit %d, %v", code, err)
	}
	for _, name := range rendered {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		if !strings.Contains(out, filepath.Join("out", "latest", name)+"\n") {
			t.Errorf("%s is not named in %q", name, out)
		}
	}
}

func TestReportPrintsOneReportAndWritesNone(t *testing.T) {
	dir := savedRun(t)
	for _, name := range rendered {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for output, begins := range map[string]string{"html": "<!DOCTYPE html>", "md": "# nov30: 1 scenarios, 0 pass", "junit": "<?xml", "json": "{"} {
		code, out, err := nov30(t, "report", dir, "-o", output)
		if code != 0 || err != nil || !strings.HasPrefix(out, begins) || !strings.HasSuffix(out, "\n") {
			t.Errorf("-o %s: exit %d, %v: %.200s", output, code, err, out)
		}
		if output == "json" && !json.Valid([]byte(out)) {
			t.Errorf("no JSON: %s", out)
		}
	}
	for _, name := range rendered {
		if text, _ := os.ReadFile(filepath.Join(dir, name)); string(text) != "old" {
			t.Errorf("%s was written", name)
		}
	}
}

func TestReportTellsAWrongDirectoryFromADamagedRun(t *testing.T) {
	dir := savedRun(t)
	if err := os.WriteFile(filepath.Join(dir, report.ExitFile), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"report " + dir, slo.ExitInfrastructure, report.ExitFile + " is damaged"},
		{"report " + dir + " -o md", slo.ExitInfrastructure, report.ExitFile + " is damaged"},
		{"report none", slo.ExitUsage, "none: no run is kept there"},
		{"report out -o html", slo.ExitUsage, "out: no run is kept there"},
		{"report -o pdf", slo.ExitUsage, "html, md, junit, json"},
		{"report one two", slo.ExitUsage, "report --help"},
	} {
		if code, _, err := nov30(t, strings.Fields(tt.args)...); code != tt.code || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: exit %d, %v; want %d and %q", tt.args, code, err, tt.code, tt.says)
		}
	}
}
