package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestEnsureUsesAWorkingDockerAndInstallsNothing(t *testing.T) {
	f := newFake(t).docker()
	e, err := f.ensure(t.Context(), quiet)
	if err != nil || e.Own || e.Name != Docker {
		t.Fatalf("got %+v, %v", e, err)
	}
	if !f.did("docker run --rm --privileged") {
		t.Error("it was not proven that a privileged container starts")
	}
	if f.did("apt-get") || len(f.spawned) > 0 {
		t.Errorf("ran %v, started %v", f.ran, f.spawned)
	}
}

func TestEnsureStartsOurDaemonWhereDockerCannotStartAPrivilegedContainer(t *testing.T) {
	f := newFake(t).docker().installed()
	refused := fails("unable to apply caps: operation not permitted")
	f.script["docker run"] = func() (string, error) {
		if len(f.spawned) == 0 {
			return refused()
		}
		return `{"sys_admin":true}`, nil
	}
	f.process(77, "/usr/sbin/dockerd", "-H", "fd://")
	e, err := f.ensure(t.Context(), quiet)
	if err != nil || !e.Own || len(f.spawned) != 2 || f.did("apt-get") {
		t.Fatalf("got %+v, %v; started %v", e, err, f.spawned)
	}
	var config dockerdConfig
	readJSON(t, f.own().config, &config)
	if config.Iptables || !f.did("iptables -w 10 -t filter -I FORWARD -j NOV30-") {
		t.Error("beside a system Docker the daemon must leave the chains DOCKER* alone and have its own")
	}
	if len(f.signals) > 0 {
		t.Errorf("signals %v", f.signals)
	}
}

func TestEnsureInstallsAndStartsFromNothing(t *testing.T) {
	f := newFake(t)
	f.script["apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends docker.io iptables iproute2 mmdebstrap"] =
		func() (string, error) { f.installed(); return "", nil }
	var told []string
	e, err := f.ensure(t.Context(), func(s string) { told = append(told, s) })
	if err != nil || !e.Own || e.Host != "unix://"+f.own().socket {
		t.Fatalf("got %+v, %v", e, err)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"not installed: dockerd", "apt-get install -y --no-install-recommends docker.io", "starting nov30's own"} {
		if !strings.Contains(all, want) {
			t.Errorf("was not told %q:\n%s", want, all)
		}
	}
	if f.did("apt-get -q -o DPkg::Lock::Timeout=120 update") {
		t.Error("the package lists were fetched without need")
	}
}

func TestEnsureFetchesThePackageListsOnlyWhenInstallingFails(t *testing.T) {
	f := newFake(t)
	updated := false
	f.script["apt-get -q -o DPkg::Lock::Timeout=120 update"] = func() (string, error) { updated = true; return "", nil }
	f.script["apt-get -q -o DPkg::Lock::Timeout=120 install"] = func() (string, error) {
		if !updated {
			return "", errors.New("E: Unable to locate package docker.io")
		}
		f.installed()
		return "", nil
	}
	if e, err := f.ensure(t.Context(), quiet); err != nil || !e.Own {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestEnsureTellsWhatAptSaidWhenItFails(t *testing.T) {
	f := newFake(t)
	f.script["apt-get"] = fails("E: Could not get lock")
	e, err := f.ensure(t.Context(), quiet)
	if err == nil || !strings.Contains(err.Error(), "E: Could not get lock") || len(f.spawned) > 0 {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestEnsureDoesNotTrustAptThatInstalledNothing(t *testing.T) {
	f := newFake(t)
	f.script["apt-get"] = says("")
	if e, err := f.ensure(t.Context(), quiet); err == nil || !strings.Contains(err.Error(), "dockerd") {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestEnsureInstallsTheCommandWhereItIsAPackageOfItsOwn(t *testing.T) {
	f := newFake(t)
	f.bins["docker"] = false
	f.script["apt-get -q -o DPkg::Lock::Timeout=120 install"] = func() (string, error) {
		f.installed()
		f.bins["docker"] = strings.HasSuffix(f.ran[len(f.ran)-1], " docker-cli")
		return "", nil
	}
	if e, err := f.ensure(t.Context(), quiet); err != nil || !e.Own {
		t.Fatalf("got %+v, %v", e, err)
	}
}

func TestEnsureUsesTheDaemonThatThePackageStarted(t *testing.T) {
	f := newFake(t)
	f.script["apt-get"] = func() (string, error) { f.installed().docker(); return "", nil }
	e, err := f.ensure(t.Context(), quiet)
	if err != nil || e.Own || len(f.spawned) > 0 {
		t.Fatalf("got %+v, %v; started %v", e, err, f.spawned)
	}
}

func TestEnsureStartsNothingWhereItMayNot(t *testing.T) {
	for name, c := range map[string]struct {
		euid int
		env  map[string]string
		os   string
		want string
	}{
		"not root":         {1000, nil, "ID=debian", "sudo apt-get install"},
		"forbidden":        {0, map[string]string{"NOV30_BOOTSTRAP": "0"}, "ID=debian", "NOV30_BOOTSTRAP=0"},
		"docker picked":    {0, map[string]string{"NOV30_ENGINE": "docker"}, "ID=debian", "NOV30_ENGINE=docker"},
		"another system":   {0, nil, "ID=fedora\nPRETTY_NAME='Fedora 40'", "Fedora 40"},
		"no state dir":     {0, map[string]string{"XDG_STATE_HOME": ""}, "ID=debian", "HOME"},
		"choice not known": {0, map[string]string{"NOV30_ENGINE": "x"}, "ID=debian", "docker, podman, own"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.euid = c.euid
			for k, v := range c.env {
				f.env[k] = v
			}
			f.file("etc/os-release", c.os)
			if name == "no state dir" {
				f.installed()
			}
			e, err := f.ensure(t.Context(), quiet)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %+v, %v; want %q", e, err, c.want)
			}
			if f.did("apt-get") || len(f.spawned) > 0 {
				t.Errorf("ran %v, started %v", f.ran, f.spawned)
			}
		})
	}
}

func TestEnsureStartsNoInstalledDaemonWhereItMayNot(t *testing.T) {
	for name, forbid := range map[string]func(*fake){
		"not root":  func(f *fake) { f.euid = 1000 },
		"forbidden": func(f *fake) { f.env["NOV30_BOOTSTRAP"] = "0" },
	} {
		f := newFake(t).installed()
		forbid(f)
		if e, err := f.ensure(t.Context(), quiet); !errors.Is(err, ErrNoEngine) || len(f.spawned) > 0 {
			t.Errorf("%s: got %+v, %v; started %v", name, e, err, f.spawned)
		}
		f.answers["docker.sock"] = true // one that runs already is used
		if e, err := f.ensure(t.Context(), quiet); err != nil || !e.Own || len(f.spawned) > 0 {
			t.Errorf("%s: got %+v, %v; started %v", name, e, err, f.spawned)
		}
	}
}

func TestEnsureThatIsCancelledGoesNoFurther(t *testing.T) {
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.script["apt-get"] = func() (string, error) { cancel(); return "", errors.New("killed") }
	if e, err := f.ensure(ctx, quiet); err == nil || f.did("apt-get -q -o DPkg::Lock::Timeout=120 update") {
		t.Fatalf("got %+v, %v; ran %v", e, err, f.ran)
	}
}

func TestReleasesThatNov30KnowsThePackagesOf(t *testing.T) {
	for text, known := range map[string]bool{
		"ID=debian\n": true, "ID=ubuntu\n": true, "ID=\"debian\"": true, "ID='ubuntu'\nID_LIKE=debian": true,
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"": true,
		"ID=fedora": false, "ID=alpine\nNAME=debian": false, "ID_LIKE=rhel": false, "": false, "garbage": false,
	} {
		f := newFake(t)
		f.file("etc/os-release", text)
		if err := f.debian(); (err == nil) != known {
			t.Errorf("%q: %v; want known %v", text, err, known)
		}
	}
	f := newFake(t)
	delete(f.tree, "etc/os-release")
	if f.debian() == nil {
		t.Error("a machine without os-release was taken for Debian")
	}
	f.file("usr/lib/os-release", "ID=debian")
	if err := f.debian(); err != nil {
		t.Errorf("/usr/lib/os-release was not read: %v", err)
	}
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
