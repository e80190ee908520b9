package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestOurDaemonIsConfiguredToKeepToItself(t *testing.T) {
	f := newFake(t).installed()
	d := f.own()
	e, err := f.ensureOwn(t.Context(), quiet)
	if err != nil || !e.Own || e.Env()[0] != "DOCKER_HOST=unix://"+d.socket {
		t.Fatalf("got %+v, %v", e, err)
	}
	want := []string{"/bin/containerd --config " + d.containerd.config,
		"/bin/dockerd --config-file " + d.config + " --data-root " + d.data}
	if !slices.Equal(f.spawned, want) {
		t.Errorf("started %v; want %v", f.spawned, want)
	}
	var config dockerdConfig
	readJSON(t, d.config, &config)
	for name, path := range map[string]string{"exec root": config.ExecRoot, "pid file": config.PIDFile,
		"socket": strings.TrimPrefix(config.Hosts[0], "unix://"), "containerd": config.Containerd,
		"runtime": config.Runtimes[config.DefaultRuntime].Path} {
		if !strings.HasPrefix(path, d.dir+"/") {
			t.Errorf("%s is %q, outside %s", name, path, d.dir)
		}
	}
	if !strings.HasPrefix(config.Bridge, "nov30-") || len(config.Bridge) > 15 {
		t.Errorf("bridge %q", config.Bridge)
	}
	if len(config.AddressPools) != 1 || config.AddressPools[0] != (addressPool{"10.199.0.0/16", 24}) || !config.Iptables {
		t.Errorf("pools %v, iptables %v", config.AddressPools, config.Iptables)
	}
	for _, command := range []string{"ip link add name " + config.Bridge + " type bridge",
		"ip address replace 10.199.0.1/24 dev " + config.Bridge, "ip link set dev " + config.Bridge + " up"} {
		if !f.did(command) {
			t.Errorf("not run: %s", command)
		}
	}
	if f.did("iptables -w 10 -t filter -N") {
		t.Error("chains of our own were made although the daemon makes its own")
	}
}

func TestADaemonThatAnswersIsNotStartedAgainNorItsRuntimeBuiltAgain(t *testing.T) {
	f := newFake(t).installed()
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if len(f.spawned) != 2 || f.builds != 1 || len(f.signals) != 0 {
		t.Errorf("started %v, built %d times, signals %v", f.spawned, f.builds, f.signals)
	}
}

func TestADaemonThatAnswersGetsARuntimeThatChanged(t *testing.T) {
	f := newFake(t).installed()
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	d := f.own()
	if err := f.refresh(t.Context(), d, "/another/runtime"); err != nil {
		t.Fatal(err)
	}
	var config dockerdConfig
	readJSON(t, d.config, &config)
	if config.Runtimes[runtimeName].Path != "/another/runtime" || !slices.Equal(f.signals, []string{"1002 hangup"}) {
		t.Errorf("runtimes %v, signals %v", config.Runtimes, f.signals)
	}
}

func TestADamagedConfigurationDoesNotStopADaemonThatAnswers(t *testing.T) {
	f := newFake(t).installed()
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.own().config, []byte(`{"exec`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil || len(f.spawned) != 2 {
		t.Fatalf("%v; started %v", err, f.spawned)
	}
}

func TestADaemonThatDoesNotAnswerIsEndedAndItsLogIsShown(t *testing.T) {
	for _, name := range []string{"containerd", "dockerd"} {
		f := newFake(t).installed()
		works := f.onSpawn
		f.onSpawn = func(started string) {
			if started != name {
				works(started)
			}
		}
		e, err := f.ensureOwn(t.Context(), quiet)
		if err == nil || !strings.Contains(err.Error(), name+" does not answer") || !strings.Contains(err.Error(), "the last line of the log") {
			t.Fatalf("%s: got %+v, %v", name, e, err)
		}
		if p := f.processes(f.own()); len(p.dockerd)+len(p.containerd) != 0 {
			t.Errorf("%s: still running: %+v", name, p)
		}
	}
}

func TestADaemonThatEndsAtOnceIsNotWaitedFor(t *testing.T) {
	f := newFake(t).installed()
	f.onSpawn = func(string) { f.ended <- errors.New("exit status 1") }
	if _, err := f.ensureOwn(t.Context(), quiet); err == nil || !strings.Contains(err.Error(), "it ended: exit status 1") {
		t.Fatalf("got %v", err)
	}
}

func TestADaemonWithoutPrivilegedContainersIsAnError(t *testing.T) {
	f := newFake(t).installed()
	f.script["docker run"] = fails("unable to apply caps: operation not permitted")
	if _, err := f.ensureOwn(t.Context(), quiet); !errors.Is(err, ErrPrivileged) {
		t.Fatalf("got %v", err)
	}
}

func TestADaemonThatAnotherProcessIsStartingIsWaitedFor(t *testing.T) {
	f := newFake(t).installed()
	d := f.own()
	f.process(50, "/usr/sbin/dockerd", "--config-file", d.config, "--data-root", d.data)
	if err := os.WriteFile(d.config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := 0
	f.machine.ping = func(ctx context.Context, socket string) error {
		if asked++; asked > 3 {
			return nil
		}
		return errors.New("not yet")
	}
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil || len(f.spawned) != 0 {
		t.Fatalf("%v; started %v", err, f.spawned)
	}
}

func TestADaemonThatHangsIsReplaced(t *testing.T) {
	f := newFake(t).installed()
	d := f.own()
	f.process(50, "/usr/sbin/dockerd", "--data-root", d.data)
	f.onSignal = func(pid int, s syscall.Signal) {
		if s == syscall.SIGKILL { // SIGTERM alone does not help
			f.die(pid)
		}
	}
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.signals, []string{"50 terminated", "50 killed"}) || len(f.spawned) != 2 {
		t.Errorf("signals %v, started %v", f.signals, f.spawned)
	}
}

func TestPathsTooLongForSocketsAreRefusedBeforeAnythingStarts(t *testing.T) {
	f := newFake(t).installed()
	f.env["XDG_STATE_HOME"] = filepath.Join(t.TempDir(), strings.Repeat("x", 90))
	if _, err := f.ensureOwn(t.Context(), quiet); err == nil || !strings.Contains(err.Error(), "XDG_STATE_HOME") || len(f.spawned) > 0 {
		t.Fatalf("got %v; started %v", err, f.spawned)
	}
}
