package experiment

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/probe"
	"github.com/nov30/nov30/harness/slo"
)

// harmless is a fault that does nothing.
type harmless struct{}

func (harmless) String() string { return "harmless" }
func (harmless) Inject(context.Context, cluster.Cluster, journal.Journal) error {
	return nil
}

func goodScenario() Scenario {
	return Scenario{Name: "etcd-one", Story: "a story", Labels: []string{"cause:etcd"}, Faults: []fault.Fault{harmless{}},
		Expect: slo.Effect{Kind: slo.Outage}, Symptom: fault.APIServerRefusesExpiredEtcd(), Culprit: "etcd/server", Also: []string{"etcd/peer"},
		Red: []string{probe.NameAPI}, SLO: []slo.Objective{{Metric: slo.Detect, Max: 5 * time.Second}}}
}

func TestCheckFindsWhatIsWrongBeforeAnythingIsRun(t *testing.T) {
	if err := goodScenario().Check(); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	warn := goodScenario()
	warn.Expect, warn.Red = slo.Effect{Kind: slo.ExpectWarn}, nil
	if err := warn.Check(); err != nil {
		t.Errorf("a good warning: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(*Scenario)
		says  string
	}{
		"no name":                      {func(s *Scenario) { s.Name = "" }, "name"},
		"a name with capitals":         {func(s *Scenario) { s.Name = "Etcd-one" }, "name"},
		"a name with a slash":          {func(s *Scenario) { s.Name = "etcd/one" }, "name"},
		"a name that is too long":      {func(s *Scenario) { s.Name = strings.Repeat("a", 62) }, "name"},
		"a name with a line's end":     {func(s *Scenario) { s.Name = "etcd-one\n" }, "name"},
		"no story":                     {func(s *Scenario) { s.Story = "" }, "story"},
		"no labels":                    {func(s *Scenario) { s.Labels = nil }, "labels"},
		"no faults":                    {func(s *Scenario) { s.Faults = nil }, "faults"},
		"no SLO":                       {func(s *Scenario) { s.SLO = nil }, "SLO"},
		"no culprit":                   {func(s *Scenario) { s.Culprit = "" }, "culprit"},
		"an unknown culprit":           {func(s *Scenario) { s.Culprit = "etcd/servers" }, `"etcd/servers"`},
		"an unknown second culprit":    {func(s *Scenario) { s.Also = []string{"etcd/peer", "gremlins"} }, `"gremlins"`},
		"an outage without red probes": {func(s *Scenario) { s.Red = nil }, "outage with 0 red"},
		"a warning with red probes":    {func(s *Scenario) { s.Expect.Kind = slo.ExpectWarn }, "warning with 1 red"},
		"nothing with red probes":      {func(s *Scenario) { s.Expect.Kind = slo.ExpectNone }, "nothing with 1 red"},
		"healing without red probes":   {func(s *Scenario) { s.Expect.Kind = slo.ExpectHeals; s.Red = nil }, "heals with 0 red"},
		"an unknown probe":             {func(s *Scenario) { s.Red = []string{"api", "ping"} }, `"ping"`},
	} {
		s := goodScenario()
		c.spoil(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "scenario "+s.Name) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestTheSpecHasEveryProbeTheDefaultsAndTheCut(t *testing.T) {
	spec, err := goodScenario().Spec()
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(); err != nil {
		t.Errorf("no verdict can be computed from it: %v", err)
	}
	if spec.Soak != DefaultSoak || !spec.Cut || !slices.Equal(spec.Arms, armsOfAPass) || len(spec.Probes) != len(probe.Names()) {
		t.Errorf("spec %+v", spec)
	}
	for _, p := range spec.Probes {
		if p.Red != (p.Name == probe.NameAPI) {
			t.Errorf("probe %s: red %v", p.Name, p.Red)
		}
	}
	s := goodScenario()
	s.Soak = time.Minute
	if spec, err := s.Spec(); err != nil || spec.Soak != time.Minute {
		t.Errorf("soak %s, %v", spec.Soak, err)
	}
}

func TestParseArmsTakesArmsOfAPassOnceEach(t *testing.T) {
	for text, want := range map[string][]slo.Arm{
		"": nil, " , ": nil, "treated": {slo.Treated}, "treated,untreated": {slo.Treated, slo.Untreated},
		"untreated, treated": {slo.Untreated, slo.Treated}, "treated,treated": {slo.Treated},
	} {
		if got, err := ParseArms(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"treat", "Treated", "shame", "treated,none", "treated;untreated"} {
		if got, err := ParseArms(text); err == nil || !strings.Contains(err.Error(), "untreated treated") {
			t.Errorf("%q: got %v, %v; want an error that lists the arms", text, got, err)
		}
	}
}

func TestParseKeepTakesItsThreePolicies(t *testing.T) {
	for text, want := range map[string]KeepPolicy{"": KeepNever, "on-failure": KeepOnFailure, "always": KeepAlways} {
		if got, err := ParseKeep(text); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"never", "Always", "onfailure", "1", " "} {
		if got, err := ParseKeep(text); err == nil || got != KeepNever {
			t.Errorf("%q: got %q, %v; want an error", text, got, err)
		}
	}
}

func TestLoadToolIsMedicWhereNothingElseIsAskedFor(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	_, err := LoadTool("", dir)
	if err == nil || !strings.Contains(err.Error(), `"medic"`) || !strings.Contains(err.Error(), dir) {
		t.Errorf("without the program: %v", err)
	}
	medic := filepath.Join(dir, "medic")
	if err := os.WriteFile(medic, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, err := LoadTool("", dir)
	if err != nil || got.Name != "medic" || !slices.Equal(got.Detect.Exec, []string{medic, "watch"}) || !slices.Equal(got.Recover.Exec, []string{medic, "heal"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLoadToolOfAFileNamesTheFileThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.yaml")
	if _, err := LoadTool(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("name: mine\nversion: v1\ndetect: {exec: [./none.sh]}\nrecover: {exec: [./none.sh]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadTool(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "./none.sh") {
		t.Errorf("no program: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "none.sh"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadTool(path); err != nil || got.Name != "mine" || got.Detect.Exec[0] != filepath.Join(dir, "none.sh") {
		t.Errorf("got %+v, %v", got, err)
	}
}
