package transport

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// engine puts a stand-in for the engine's command on disk.
func engine(t *testing.T, name, host, script string) *Container {
	t.Helper()
	command := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(command, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return NewContainer(target.Target{
		Engine: target.Engine{Command: command, Host: host},
		Nodes:  []target.Node{{Name: "node", Container: "box", Role: target.ControlPlane, Address: netip.MustParseAddr("10.0.0.2")}},
	})
}

func TestContainerRunsTheCommandInTheNodesContainer(t *testing.T) {
	for name, variable := range map[string]string{"docker": "DOCKER_HOST", "podman-remote": "CONTAINER_HOST"} {
		c := engine(t, name, "unix:///own", `echo "$@"; echo "$`+variable+`"; cat`)
		out, err := c.Exec(context.Background(), "node", strings.NewReader("from stdin"), "cat", "a b")
		if err != nil {
			t.Fatal(err)
		}
		if want := "exec -i box cat a b\nunix:///own\nfrom stdin"; string(out) != want {
			t.Errorf("%s: got %q, want %q", name, out, want)
		}
	}
}

func TestContainerLeavesTheEnvironmentAloneWithoutAHost(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///mine")
	out, err := engine(t, "docker", "", `echo "$DOCKER_HOST"`).Exec(context.Background(), "node", nil, "x")
	if err != nil || string(out) != "unix:///mine\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestContainerErrorCarriesStderrButNeverStdout(t *testing.T) {
	c := engine(t, "docker", "", "echo PRIVATE; echo why >&2; exit 3")
	_, err := c.Exec(context.Background(), "node", nil, "sh", "-c", "long script", "medic", "arg")
	var e *ExecError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), "node") || !strings.Contains(err.Error(), "exit status 3") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "PRIVATE") || strings.Contains(err.Error(), "long script") {
		t.Errorf("the error says too much: %v", err)
	}
}

func TestContainerIsCutOffByItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := engine(t, "docker", "", "exec sleep 60").Exec(ctx, "node", nil, "x")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 3*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}

func TestContainerRefusesAFlood(t *testing.T) {
	_, err := engine(t, "docker", "", "head -c 5000000 /dev/zero").Exec(context.Background(), "node", nil, "x")
	if !errors.Is(err, ErrTooMuch) {
		t.Errorf("got %v", err)
	}
}

func TestContainerKnowsOnlyTheContextsNodes(t *testing.T) {
	_, err := engine(t, "docker", "", "exit 0").Exec(context.Background(), "other", nil, "x")
	if !errors.Is(err, ErrNoNode) {
		t.Errorf("got %v", err)
	}
}

func TestContainerNamesAMissingEngine(t *testing.T) {
	c := NewContainer(target.Target{Engine: target.Engine{Command: "/nowhere/docker"}, Nodes: []target.Node{{Name: "node", Container: "box"}}})
	if _, err := c.Exec(context.Background(), "node", nil, "x"); err == nil || !strings.Contains(err.Error(), "/nowhere/docker") {
		t.Errorf("got %v", err)
	}
}
