package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/scenarios"
)

// nov30 runs the command in a machine without any program, engine or state, and gives its exit code.
func nov30(t *testing.T, args ...string) (code int, out string, err error) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	return onMachine(t, args...)
}

// onMachine runs the command with the PATH that the test has set.
func onMachine(t *testing.T, args ...string) (code int, out string, err error) {
	t.Helper()
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME"} {
		t.Setenv(name, t.TempDir())
	}
	for _, name := range []string{"DOCKER_HOST", "CONTAINER_HOST", "NOV30_TOOL", "NOV30_ARMS", "NOV30_KEEP", "NOV30_KUBERNETES"} {
		t.Setenv(name, "")
	}
	t.Setenv("NOV30_ENGINE", "docker")
	var stdout bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&bytes.Buffer{})
	if err = root.ExecuteContext(t.Context()); err != nil {
		code = exitCode(t.Context(), err)
	}
	return code, stdout.String(), err
}

func TestWrongArgumentsAreUsageErrorsThatSayWhatIsWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for line, says := range map[string]string{
		"list --focus nothing":                  "etcd-certs-expired-latent",
		"list --labels cause:gremlins":          "etcd-certs-expired-latent",
		"list --focus ^etcd":                    "no scenario matches", // ginkgo's text begins with the suite
		"list --focus (":                        "focus",
		"list --labels &&":                      "labels",
		"list --labels (cause:etcd":             "labels",
		"list -o yaml":                          "table or json",
		"list --what":                           "--what",
		"list etcd":                             "list --help",
		"sweep -o yaml":                         "table or json",
		"sweep now":                             "sweep --help",
		"doctor -o yaml":                        "table or json",
		"doctor me":                             "doctor --help",
		"inject":                                "accepts 1 arg",
		"inject none --kubeconfig x":            `"none"`,
		"inject etcd-certs-expired --cluster x": "--cluster",
		"image ensure v1.34.4":                  "image ensure --help",
		"image build --version x":               "--version",
		"run --focus nothing":                   "no scenario matches",
		"run --keep sometimes":                  "keep:",
		"run --arms both":                       "arms:",
		"run --kubernetes 1.34":                 "kubernetes:",
		"run --tool none.yaml":                  "none.yaml",
		"run --what":                            "--what",
	} {
		code, _, err := nov30(t, strings.Fields(line)...)
		if code != slo.ExitUsage || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: exit %d, %v; want %d and %q", line, code, err, slo.ExitUsage, says)
		}
	}
}

func TestWithoutMedicARunSaysWhatIsMissing(t *testing.T) {
	code, _, err := nov30(t, "run")
	if code != slo.ExitUsage || !strings.Contains(err.Error(), `"medic"`) {
		t.Errorf("exit %d, %v", code, err)
	}
}

func TestWithoutAnEngineWhatNeedsOneIsInfrastructure(t *testing.T) {
	for _, line := range []string{"inject etcd-certs-expired --kubeconfig x", "image ensure", "image list"} {
		if code, _, err := nov30(t, strings.Fields(line)...); code != slo.ExitInfrastructure || !strings.Contains(err.Error(), "no container engine") {
			t.Errorf("%s: exit %d, %v", line, code, err)
		}
	}
}

func TestInjectRefusesAForeignClusterBeforeAnyWrite(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$*\" >>" + dir + "/log\ncase \"$*\" in\n--version) echo 'Docker version 27.0.0, build x';;\nversion*) echo 27.0.0;;\n*) exit 97;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters: [{name: prod, cluster: {server: 'https://prod.example.com:6443'}}]\n" +
		"contexts: [{name: prod, context: {cluster: prod, user: me}}]\nusers: [{name: me, user: {}}]\n"
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	code, out, err := onMachine(t, "inject", "etcd-certs-expired", "--kubeconfig", kubeconfig)
	if code != slo.ExitUsage || err == nil || !strings.Contains(err.Error(), "refused") || out != "" {
		t.Errorf("exit %d, %v, said %q", code, err, out)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n") {
		if line != "--version" && !strings.HasPrefix(line, "version ") {
			t.Errorf("ran docker %s", line)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_STATE_HOME"), "nov30", "journal", "*")); len(left) > 0 {
		t.Errorf("a journal was begun: %v", left)
	}
}

func TestExitCodes(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	incomplete := &journal.IncompleteError{Journal: "j"}
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), errors.New("anything"), slo.ExitInfrastructure},
		{t.Context(), usageError("wrong"), slo.ExitUsage},
		{t.Context(), fmt.Errorf("while: %w", usageError("wrong")), slo.ExitUsage},
		{t.Context(), exitError{slo.ExitFail, nil}, slo.ExitFail},
		{t.Context(), exitError{slo.ExitInconclusive, nil}, slo.ExitInconclusive},
		{cancelled, errors.New("anything"), slo.ExitInterrupted},
		{cancelled, exitError{slo.ExitFail, nil}, slo.ExitFail},
		{t.Context(), fmt.Errorf("sweep: %w", incomplete), slo.ExitRevertIncomplete},
		{cancelled, errors.Join(errors.New("first"), incomplete), slo.ExitRevertIncomplete},
		{t.Context(), errors.Join(usageError("wrong"), incomplete), slo.ExitRevertIncomplete},
	} {
		if got := exitCode(c.ctx, c.err); got != c.want {
			t.Errorf("%v (context %v): exit %d, want %d", c.err, c.ctx.Err(), got, c.want)
		}
	}
}

func TestUsageErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	if err := usageError("--tool: %w", cause); !errors.Is(err, cause) || err.Error() != "--tool: cause" {
		t.Errorf("got %v", err)
	}
	if got := (exitError{2, nil}).Error(); got != "exit 2" {
		t.Errorf("got %q", got)
	}
}

// commands are all that do something; what only groups others has no example of its own.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

func TestEveryCommandSaysWhatItDoes(t *testing.T) {
	found := 0
	for _, c := range commands(newRoot()) {
		found++
		if c.Short == "" {
			t.Errorf("%s says nothing", c.CommandPath())
		}
		if c.Example != "" && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has an example of something else: %s", c.CommandPath(), c.Example)
		}
		code, out, err := nov30(t, append(strings.Fields(c.CommandPath())[1:], "--help")...)
		if code != 0 || err != nil || !strings.Contains(out, c.CommandPath()) || !strings.Contains(out, strings.TrimSpace(c.Example)) {
			t.Errorf("%s --help: exit %d, %v:\n%s", c.CommandPath(), code, err, out)
		}
	}
	if found < 9 {
		t.Errorf("only %d commands were looked at", found)
	}
}

func TestTheExamplesRunScenariosThatExist(t *testing.T) {
	for _, s := range []string{"etcd-certs-expired$", "latent"} {
		if found, err := choose(s, ""); err != nil || len(found) != 1 {
			t.Errorf("%s selects %d of %d scenarios, %v", s, len(found), len(scenarios.All()), err)
		}
	}
}
