package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

func TestMoreUsageErrors(t *testing.T) {
	for _, line := range []string{"frobnicate", "inject etcd-certs-expired", "image frobnicate", "list -o yaml", "image list -o yaml"} {
		if code, _, err := nov30(t, strings.Fields(line)...); code != slo.ExitUsage {
			t.Errorf("%s: exit %d, %v", line, code, err)
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, c := range commands(newRoot()) {
		if c.Example == "" {
			t.Errorf("%s has none", c.CommandPath())
		}
	}
}

func TestASweepWithoutAnEngineDoesNotSayThatNothingIsLeft(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	state := t.TempDir()
	dir := filepath.Join(state, "nov30", "journal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x.journal"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("NOV30_ENGINE", "docker")
	var out strings.Builder
	root := newRoot()
	root.SetArgs([]string{"sweep"})
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.ExecuteContext(t.Context()); err == nil {
		t.Errorf("exit 0, said %q", out.String())
	}
}
