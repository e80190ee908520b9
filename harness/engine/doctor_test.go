package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// healthy is a machine on which every row is ok.
func healthy(t *testing.T) *fake {
	f := newFake(t).docker()
	f.script["docker info"] = says("/var/lib/docker\n")
	f.file("proc/self/mountinfo", "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
	f.file("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
	f.file("proc/meminfo", "MemTotal: 9437184 kB\nMemAvailable:    8388608 kB\n")
	f.file("proc/sys/fs/inotify/max_user_watches", "524288\n")
	f.file("proc/sys/fs/inotify/max_user_instances", "512\n")
	return f.roomy()
}

var options = DoctorOptions{Disk: 10 << 30, Leftovers: func(context.Context, *Engine) (Leftovers, error) { return Leftovers{}, nil }}

func TestEveryRowOfAHealthyMachineIsOK(t *testing.T) {
	r := healthy(t).doctor(t.Context(), options)
	for _, row := range r.Rows {
		if row.Status != OK || row.Value == "" || row.Fix != "" {
			t.Errorf("%+v", row)
		}
	}
	if !r.Runnable() || len(r.Rows) != 11 {
		t.Errorf("runnable %v with %d rows", r.Runnable(), len(r.Rows))
	}
}

func TestEachRowFailsOnItsOwnAndSaysWhatMendsIt(t *testing.T) {
	v1 := "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n2 1 0:2 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	for _, c := range []struct {
		row      string
		breaks   func(*fake)
		status   Status
		value    string
		fix      string
		runnable bool
	}{
		{"engine", func(f *fake) { f.script["docker version"] = fails("Cannot connect") }, Fail, "Cannot connect", "nov30 doctor --fix", false},
		{"engine", func(f *fake) { f.env["NOV30_ENGINE"] = "x" }, Fail, "choose one of", "unset NOV30_ENGINE", false},
		{"engine", func(f *fake) { f.env["NOV30_ENGINE"] = "podman" }, Fail, "podman", "unset NOV30_ENGINE", false},
		{"engine", func(f *fake) { f.env["DOCKER_HOST"] = "ssh://x" }, Fail, "ssh://x", "unset DOCKER_HOST", false},
		{"privileged container", func(f *fake) { f.script["docker run"] = fails("unable to apply caps") }, Fail, "unable to apply caps", "NOV30_ENGINE=own", false},
		{"CAP_SYS_TIME dropped", func(f *fake) { f.script["docker run"] = says(`{"sys_admin":true,"sys_time":true}`) }, Warn, "clock", "NOV30_ENGINE=own", true},
		{"cgroups", func(f *fake) { f.file("proc/self/mountinfo", "") }, Fail, "none mounted", "cgroupfs-mount", false},
		{"cgroups", func(f *fake) { f.file("proc/self/mountinfo", v1) }, Fail, "v1, without cpu, cpuset, pids", "kernel's command line", false},
		{"cgroups", func(f *fake) { f.file("sys/fs/cgroup/cgroup.controllers", "cpuset cpu pids") }, Fail, "without memory", "cgroup_enable=memory", false},
		{"cgroups", func(f *fake) { delete(f.tree, "sys/fs/cgroup/cgroup.controllers") }, Fail, "cgroup.controllers", "", false},
		{"free disk", func(f *fake) { f.machine.free = func(string) (uint64, error) { return 3 << 30, nil } }, Fail, "3.0 GiB under /var/lib/docker, 10.0 GiB needed: 7.0 GiB missing", "docker system prune", false},
		{"free disk", func(f *fake) { f.machine.free = func(string) (uint64, error) { return 0, syscall.EIO } }, Fail, "input/output error", "df", false},
		{"free disk", func(f *fake) { f.script["docker info"] = says("") }, Fail, "no data root", "", false},
		{"free memory", func(f *fake) { f.file("proc/meminfo", "MemAvailable: 1048576 kB\n") }, Fail, "1.0 GiB missing", "more memory", false},
		{"free memory", func(f *fake) { f.file("proc/meminfo", "MemAvailable: 3145728 kB\n") }, Warn, "3.0 GiB, 4.0 GiB wanted", "more memory", true},
		{"free memory", func(f *fake) { f.file("proc/meminfo", "MemTotal: 1 kB\n") }, Fail, "no MemAvailable", "", false},
		{"free memory", func(f *fake) { delete(f.tree, "proc/meminfo") }, Fail, "meminfo", "", false},
		{"cores", func(f *fake) { f.cores = 1 }, Warn, "1, 2 wanted", "core", true},
		{"inotify limits", func(f *fake) { f.file("proc/sys/fs/inotify/max_user_instances", "128\n") }, OK, "instances 128, 0 in use", "", true},
		{"inotify limits", func(f *fake) { f.file("proc/sys/fs/inotify/max_user_instances", "81\n") }, Warn, "instances 81, 0 in use", "sysctl -w fs.inotify.max_user_instances=512", true},
		{"inotify limits", func(f *fake) { f.file("proc/sys/fs/inotify/max_user_watches", "1199\n") }, Warn, "watches 1199", "sysctl -w fs.inotify.max_user_watches=524288", true},
		{"inotify limits", func(f *fake) {
			f.file("proc/sys/fs/inotify/max_user_instances", "81\n")
			f.script["docker version"] = fails("Cannot connect")
		}, Warn, "instances 81", "sysctl -w fs.inotify.max_user_instances=512", false},
		{"clusters at once", func(f *fake) { f.script["docker version"] = fails("Cannot connect") }, Warn, "not checked: no engine", "nov30 doctor --fix", false},
		{"clusters at once", func(f *fake) { f.script["docker ps"] = fails("boom") }, Warn, "how many clusters run", "docker info", true},
		{"clusters at once", func(f *fake) { f.file("proc/sys/fs/inotify/max_user_instances", "81\n") }, Warn,
			"1 (inotify instances limit it; memory would fit 7; arms measured at once: 1)", "sysctl -w fs.inotify.max_user_instances=512", true},
		{"clusters at once", func(f *fake) { f.euid = 1000 }, Warn, "at most 7 (memory limits it", "sudo nov30 doctor", true},
		{"clusters at once", func(f *fake) { f.file("proc/sys/kernel/osrelease", "5.0-other\n") }, Warn, "unknown: memory, inotify instances", "as root where", true},
		{"inotify limits", func(f *fake) { f.file("proc/sys/fs/inotify/max_user_watches", "x\n") }, Warn, "cannot read", "sysctl", true},
		{"go command", func(f *fake) { f.bins["go"] = false }, Fail, "not in PATH", "install Go", false},
		{"go command", func(f *fake) { f.script["go version"] = fails("boom") }, Fail, "boom", "install Go", false},
	} {
		f := healthy(t)
		c.breaks(f)
		r := f.doctor(t.Context(), options)
		row := find(t, r, c.row)
		if row.Status != c.status || !strings.Contains(row.Value, c.value) || !strings.Contains(row.Fix, c.fix) {
			t.Errorf("%+v; want %s, %q, %q", row, c.status, c.value, c.fix)
		}
		if row.Status == Fail && row.Needed && row.Fix == "" {
			t.Errorf("%+v does not say what mends it", row)
		}
		if r.Runnable() != c.runnable {
			t.Errorf("%s (%s): runnable %v", c.row, c.value, r.Runnable())
		}
	}
}

func TestAGoCommandOutsidePATHIsFoundWhereGoIsInstalled(t *testing.T) {
	for _, root := range []string{"/opt/go", "/usr/local/go"} {
		f := healthy(t)
		f.env["GOROOT"] = "/opt/go"
		f.bins["go"] = false
		f.bins[root+"/bin/go"] = true
		if row := find(t, f.doctor(t.Context(), options), "go command"); row.Status != OK {
			t.Errorf("%s: %+v", root, row)
		}
	}
}

func find(t *testing.T, r Report, name string) Row {
	t.Helper()
	for _, row := range r.Rows {
		if row.Name == name {
			return row
		}
	}
	t.Fatalf("no row %q in %+v", name, r)
	return Row{}
}

func TestLeftoversAreToldAndLookedForWithoutAnEngineToo(t *testing.T) {
	for name, c := range map[string]struct {
		look   func(context.Context, *Engine) (Leftovers, error)
		status Status
		value  string
	}{
		"found": {func(context.Context, *Engine) (Leftovers, error) {
			return Leftovers{[]string{"cluster a", "journal b"}, "nov30 sweep"}, nil
		}, Warn, "cluster a, journal b"},
		"not known": {func(context.Context, *Engine) (Leftovers, error) { return Leftovers{}, errors.New("cannot look") }, Warn, "cannot look"},
		"no engine": {func(_ context.Context, e *Engine) (Leftovers, error) {
			return Leftovers{Found: []string{fmt.Sprint(e == nil)}}, nil
		}, Warn, "true"},
	} {
		f := healthy(t)
		if name == "no engine" {
			f.script["docker version"] = fails("Cannot connect")
		}
		row := find(t, f.doctor(t.Context(), DoctorOptions{Leftovers: c.look}), "leftovers")
		if row.Status != c.status || row.Value != c.value {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

func TestDiskIsMeasuredAboveDirectoriesThatAreNotThereOrNotReadable(t *testing.T) {
	f := healthy(t)
	f.machine.free = func(p string) (uint64, error) {
		switch p {
		case "/var/lib/docker":
			return 0, syscall.EACCES
		case "/var/lib":
			return 0, syscall.ENOENT
		}
		return 20 << 30, nil
	}
	if row := find(t, f.doctor(t.Context(), options), "free disk"); row.Status != OK || !strings.Contains(row.Value, "under /var,") {
		t.Errorf("%+v", row)
	}
}

func TestAReportWithoutRowsOrWithAnUnknownStatusIsNotRunnable(t *testing.T) {
	for _, r := range []Report{{}, {Rows: []Row{{Name: "x", Needed: true}}}} {
		if r.Runnable() {
			t.Errorf("%+v is runnable", r)
		}
	}
}

func TestTheReportIsATableForPeopleAndJSONForPrograms(t *testing.T) {
	r := Report{Rows: []Row{{"engine", OK, "docker", "", true}, {"free disk", Fail, "3.0 GiB", "docker system prune", true},
		{"leftovers", Warn, "x", "docker system prune", false}}}
	var table strings.Builder
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	want := "STATUS  CHECK      VALUE\nok      engine     docker\nfail    free disk  3.0 GiB\nwarn    leftovers  x\n\nTo mend:\n  free disk, leftovers: docker system prune\n"
	if table.String() != want {
		t.Errorf("got\n%s\nwant\n%s", table.String(), want)
	}
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Runnable *bool `json:"runnable"`
		Rows     []Row `json:"rows"`
	}
	if err := json.Unmarshal(b, &got); err != nil || got.Runnable == nil || *got.Runnable || len(got.Rows) != 3 || got.Rows[1] != r.Rows[1] {
		t.Errorf("%s, %v", b, err)
	}
}

func TestCgroupVersionsAreToldApart(t *testing.T) {
	const tmpfs = "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
	const cpu = "2 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
	for table, want := range map[string]string{
		"1 0 0:1 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup rw\n": "v2 []",
		tmpfs + cpu: "v1 [rw cpu cpuacct]",
		tmpfs + cpu + "3 1 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n": "v1 (hybrid) [rw cpu cpuacct]",
		tmpfs: " []", "": " []", "garbage\n - \n": " []",
	} {
		version, controllers := cgroups(table)
		if got := fmt.Sprint(version, " ", controllers); got != want {
			t.Errorf("%q: %q; want %q", table, got, want)
		}
	}
}

func FuzzTextsOfTheMachineAreReadOrRefused(f *testing.F) {
	f.Add("MemAvailable:    8388608 kB\n")
	f.Add("ID=debian\nID_LIKE=\"a b\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := available(text); err != nil && n != 0 {
			t.Fatalf("%d, %v", n, err)
		}
		osRelease(text)
	})
}
