package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func (f *fake) docker() *fake { f.script["docker version"] = says("20.10.24"); return f }

func (f *fake) podman() *fake {
	f.bins["podman"] = true
	f.script["podman --version"] = says("podman version 4.3.1")
	f.script["podman version"] = says("4.3.1")
	return f
}

func TestFindTakesOurOwnDaemonIfItRunsThenTheUsersDockerThenPodman(t *testing.T) {
	for name, c := range map[string]struct {
		docker, podman, own bool
		picked, want        string
	}{
		"all":                {true, true, true, "", "own"},
		"ours does not run":  {true, true, false, "", "docker"},
		"no docker":          {false, true, false, "", "podman"},
		"only ours":          {false, false, true, "", "own"},
		"podman picked":      {true, true, true, "podman", "podman"},
		"ours picked":        {true, true, true, "own", "own"},
		"docker picked":      {true, false, false, "docker", "docker"},
		"picked but missing": {true, false, true, "podman", ""},
		"none":               {false, false, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.env["NOV30_ENGINE"] = c.picked
			if c.docker {
				f.docker()
			}
			if c.podman {
				f.podman()
			}
			f.answers["docker.sock"] = c.own
			e, err := f.find(t.Context())
			if c.want == "" {
				if !errors.Is(err, ErrNoEngine) {
					t.Fatalf("got %+v, %v; want ErrNoEngine", e, err)
				}
				return
			}
			got := ""
			if err == nil {
				got = e.Name
				if e.Own {
					got = "own"
				}
			}
			if got != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestNoEngineNamesEachOneTriedAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		euid int
		os   string
		want []string
	}{
		"root on Debian":   {0, "ID=debian", []string{"docker: its daemon does not answer: Cannot connect", "podman: the command", "own: not started", "nov30 doctor --fix"}},
		"root elsewhere":   {0, "ID=fedora", []string{"install docker or podman", "nov30 doctor --fix"}},
		"a user on Debian": {1000, "ID=debian", []string{"sudo apt-get install docker.io", "as root: nov30 doctor --fix"}},
	} {
		f := newFake(t)
		f.euid = c.euid
		f.file("etc/os-release", c.os)
		_, err := f.find(t.Context())
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v; want %q", name, err, want)
			}
		}
	}
}

func TestUnknownChoiceNamesTheChoices(t *testing.T) {
	f := newFake(t).docker()
	f.env["NOV30_ENGINE"] = "containerd"
	_, err := f.find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "docker, podman, own") || !errors.Is(err, ErrChoice) || errors.Is(err, ErrNoEngine) {
		t.Fatalf("got %v", err)
	}
}

func TestDockerHostIsRespected(t *testing.T) {
	f := newFake(t).docker()
	f.env["DOCKER_HOST"] = "unix:///run/user/1000/docker.sock"
	e, err := f.find(t.Context())
	if err != nil || e.Host != f.env["DOCKER_HOST"] || e.Own {
		t.Fatalf("got %+v, %v", e, err)
	}
	if !slices.Contains(f.envs, "DOCKER_HOST=unix:///run/user/1000/docker.sock") {
		t.Errorf("the command was asked with %v", f.envs)
	}
}

func TestADockerHostThatWasSetComesBeforeOurDaemon(t *testing.T) {
	f := newFake(t).docker()
	f.answers["docker.sock"] = true
	f.env["DOCKER_HOST"] = "unix:///run/user/1000/docker.sock"
	if e, err := f.find(t.Context()); err != nil || e.Own {
		t.Fatalf("got %+v, %v", e, err)
	}
	f.script["docker version"] = fails("Cannot connect")
	if e, err := f.find(t.Context()); err != nil || !e.Own {
		t.Fatalf("without an answer there: got %+v, %v", e, err)
	}
}

func TestDockerHostThatNamesOurSocketIsOurDaemon(t *testing.T) {
	f := newFake(t).docker()
	f.env["DOCKER_HOST"] = "unix://" + f.own().socket
	f.answers["docker.sock"] = true
	e, err := f.find(t.Context())
	if err != nil || !e.Own {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestAnEngineOnAnotherMachineIsRefused(t *testing.T) {
	f := newFake(t).docker().podman()
	f.env["DOCKER_HOST"] = "tcp://192.0.2.7:2375"
	e, err := f.find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "192.0.2.7") || errors.Is(err, ErrNoEngine) {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestPodmansImitationIsNotTakenForDocker(t *testing.T) {
	f := newFake(t).docker().podman()
	f.script["docker --version"] = says("podman version 4.3.1")
	e, err := f.find(t.Context())
	if err != nil || e.Name != Podman {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestAnEngineThatNamesNoVersionDoesNotAnswer(t *testing.T) {
	f := newFake(t)
	f.script["docker version"] = says("\n")
	if e, err := f.find(t.Context()); !errors.Is(err, ErrNoEngine) {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestPermissionDeniedSaysWhatToDo(t *testing.T) {
	f := newFake(t)
	f.script["docker version"] = fails("permission denied while trying to connect to the Docker daemon socket")
	if _, err := f.find(t.Context()); err == nil || !strings.Contains(err.Error(), "usermod -aG docker") {
		t.Fatalf("got %v", err)
	}
}

func TestOtherSystemsAreToldSo(t *testing.T) {
	f := newFake(t).docker()
	f.goos = "darwin"
	_, found := f.find(t.Context())
	_, ensured := f.ensure(t.Context(), quiet)
	for _, err := range []error{found, ensured, f.install(t.Context(), quiet, "x")} {
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "darwin") {
			t.Errorf("got %v", err)
		}
	}
	if r := f.doctor(t.Context(), DoctorOptions{}); r.Runnable() || len(r.Rows) != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	f := newFake(t).docker()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := f.find(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %+v, %v", e, err)
	}
}
