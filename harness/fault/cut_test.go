package fault

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

func TestSoakCutReachesEveryNodeAndKillsNobody(t *testing.T) {
	m := newMaster(t)
	worker := journaltest.New(t, cluster.Worker).Directories[0]
	worker.Commands["ss"] = func(context.Context, []byte, []string) ([]byte, error) { return nil, nil } // nothing there
	worker.Commands["ip"] = defaultRoute
	m.Directories = append(m.Directories, worker)
	if err := CutConnections(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(m.connections, " "), "sk:1") || m.apiserver[0] != "4711" {
		t.Errorf("connections %v, API server %v", m.connections, m.apiserver)
	}
	for _, n := range m.Directories {
		cut := 0
		for _, argv := range n.Calls {
			if line := strings.Join(argv, " "); strings.HasPrefix(line, "ss -K") {
				cut++
				if !strings.HasSuffix(line, "and not dst 192.0.2.254") {
					t.Errorf("%s: the observers' connections are cut too: %s", n.Name(), line)
				}
				for _, port := range []string{":2379", ":2380", ":6443"} {
					if strings.Count(line, port) != 2 {
						t.Errorf("%s: port %s is not cut on both sides: %s", n.Name(), port, line)
					}
				}
			}
		}
		if cut != 1 {
			t.Errorf("%s was cut %d times", n.Name(), cut)
		}
	}
}

func TestSoakCutThatCutNothingIsAnError(t *testing.T) {
	m := newMaster(t)
	m.connections = nil
	if err := CutConnections(t.Context(), m); !errors.Is(err, ErrNothingCut) {
		t.Errorf("nothing there: %v", err)
	}
	m = newMaster(t)
	m.uncuttable = true
	if err := CutConnections(t.Context(), m); !errors.Is(err, ErrNotCut) {
		t.Errorf("kernel will not: %v", err)
	}
	m = newMaster(t)
	m.node.Running = false
	if err := CutConnections(t.Context(), m); err == nil {
		t.Error("node off: no error")
	}
}

// TestKillFindsTheProcessByItsCommandLine runs the real pgrep, on a program name that nothing else on the host has.
func TestKillFindsTheProcessByItsCommandLine(t *testing.T) {
	pgrep, err := exec.LookPath("pgrep")
	if err != nil {
		t.Skip("procps is not installed")
	}
	name := "nov30-test-" + filepath.Base(t.TempDir()) + "-" + filepath.Base(filepath.Dir(t.TempDir()))
	n := journaltest.New(t, cluster.ControlPlane).Directories[0]
	n.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = []string{"PATH=" + filepath.Dir(pgrep) + ":/bin"}
		return cmd.Output()
	}
	if pids, err := processes(t.Context(), n, name); !errors.Is(err, ErrNoProcess) {
		t.Fatalf("nothing runs, yet: %v, %v", pids, err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	for _, argv0 := range []string{name, "/usr/local/bin/" + name} {
		victim := &exec.Cmd{Path: sleep, Args: []string{argv0, "60"}}
		bystander := &exec.Cmd{Path: sleep, Args: []string{"sh -c " + name, "60"}}
		longer := &exec.Cmd{Path: sleep, Args: []string{name + "-proxy", "60"}}
		for _, cmd := range []*exec.Cmd{victim, bystander, longer} {
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
		}
		reaped := make(chan error, 1)
		go func() { reaped <- victim.Wait() }()
		found, err := processes(t.Context(), n, name)
		if err != nil || len(found) != 1 || found[0] != strconv.Itoa(victim.Process.Pid) {
			t.Fatalf("%s: found %v, %v; want %d", argv0, found, err, victim.Process.Pid)
		}
		if err := kill(t.Context(), clockwork.NewRealClock(), n, name, found); err != nil {
			t.Errorf("%s: %v", argv0, err)
		}
		if err := <-reaped; err == nil || victim.ProcessState.String() != "signal: killed" {
			t.Errorf("%s ended with %v", argv0, err)
		}
		for _, cmd := range []*exec.Cmd{bystander, longer} {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Errorf("%s: %v", cmd.Args[0], err)
			}
			if _ = cmd.Wait(); cmd.ProcessState.String() != "signal: interrupt" {
				t.Errorf("%s was killed too: %v", cmd.Args[0], cmd.ProcessState)
			}
		}
	}
}

func TestSoakCutWithoutAKnownGatewayCutsNothing(t *testing.T) {
	for name, answer := range map[string]string{"no default route": "", "no address": "default dev eth0\n", "no IP": "default via nowhere dev eth0\n"} {
		m := newMaster(t)
		m.node.Commands["ip"] = func(context.Context, []byte, []string) ([]byte, error) { return []byte(answer), nil }
		if err := CutConnections(t.Context(), m); err == nil || !strings.Contains(strings.Join(m.connections, " "), "sk:1a") {
			t.Errorf("%s: error %v, connections %v", name, err, m.connections)
		}
	}
}
