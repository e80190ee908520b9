package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// roomy gives the machine what a capacity is read from: root's view of a machine on which nothing else runs.
func (f *fake) roomy() *fake {
	f.script["docker info --format {{json .}}"] = says(`{"KernelVersion":"6.1.0-test","MemTotal":9663676416,"SecurityOptions":["name=seccomp"]}`)
	f.script["docker ps"] = says("")
	f.file("proc/sys/kernel/osrelease", "6.1.0-test\n")
	f.file("proc/sys/kernel/pid_max", "32768\n")
	f.file("proc/sys/kernel/threads-max", "192730\n")
	f.file("proc/loadavg", "0.50 0.40 0.30 2/200 4242\n")
	f.link("proc/self/ns/user", firstUserNamespace)
	f.link("proc/self/ns/pid", firstPIDNamespace)
	f.user(1, "0", firstUserNamespace)
	return f
}

// user puts a process of that effective user and user namespace into /proc.
func (f *fake) user(pid int, uid, namespace string) {
	f.process(pid, "x")
	f.file(proc(pid)+"/status", "Name:\tx\nUid:\t7\t"+uid+"\t8\t9\nThreads:\t1\n")
	f.link(proc(pid)+"/ns/user", namespace)
}

func engineOf(t *testing.T, f *fake) *Engine {
	t.Helper()
	e, err := f.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// capacityOf is the capacity of a machine on which nothing fails.
func capacityOf(t *testing.T, f *fake) Capacity {
	t.Helper()
	c, err := f.capacity(t.Context(), engineOf(t, f))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheScarcestResourceLimitsTheClustersAndIsNamed(t *testing.T) {
	for _, c := range []struct {
		limit    string
		scarce   func(*fake)
		clusters int
	}{
		{memoryName, func(*fake) {}, 7}, // 8 GiB without the one that is kept
		{memoryName, func(f *fake) { f.file("proc/meminfo", "MemTotal: 9437184 kB\nMemAvailable: 3145727 kB\n") }, 1},
		{memoryName, func(f *fake) { f.file("proc/meminfo", "MemTotal: 9437184 kB\nMemAvailable: 1000 kB\n") }, 0},
		{instancesName, func(f *fake) { f.file("proc/sys/fs/inotify/max_user_instances", "128\n") }, 3},
		{watchesName, func(f *fake) { f.file("proc/sys/fs/inotify/max_user_watches", "2399\n") }, 3},
		{diskName, func(f *fake) { f.machine.free = func(string) (uint64, error) { return 10<<30 - 1, nil } }, 3},
		{tasksName, func(f *fake) { f.file("proc/sys/kernel/pid_max", "3024\n") }, 3}, // 200 are there, 1024 are kept
		{tasksName, func(f *fake) { f.file("proc/sys/kernel/threads-max", "3023\n") }, 2},
		{tasksName, func(f *fake) { f.file("proc/loadavg", "0 0 0 1/31000 1\n") }, 1},
		{tasksName, func(f *fake) { f.file("proc/loadavg", "0 0 0 1/40000 1\n") }, 0},
	} {
		f := healthy(t)
		c.scarce(f)
		got := capacityOf(t, f)
		if got.LimitedBy != c.limit || got.More != c.clusters || got.Clusters != c.clusters || len(got.Unknown) != 0 {
			t.Errorf("%+v; want %d by %s", got, c.clusters, c.limit)
		}
	}
}

func TestRunningClustersAreCountedOnceWhateverTheNumberOfTheirNodes(t *testing.T) {
	f := healthy(t)
	f.script["docker ps"] = says("b\na\nb\na\n")
	got := capacityOf(t, f)
	if got.Running != 2 || got.More != 7 || got.Clusters != 9 {
		t.Errorf("%+v", got)
	}
	if !f.did("docker ps --filter label=io.x-k8s.kind.cluster --format") {
		t.Errorf("other containers would count: %q", f.ran)
	}
	if want := "9, 2 of them running (memory limits it; arms measured at once: 2)"; got.String() != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestArmsTakeACoreEachAndAClusterEach(t *testing.T) {
	const quota = "sys/fs/cgroup/cpu/docker/cpu.cfs_"
	for name, c := range map[string]struct {
		change func(*fake)
		arms   int
	}{
		"two cores":           {func(*fake) {}, 2},
		"one core":            {func(f *fake) { f.cores = 1 }, 1},
		"more cores than fit": {func(f *fake) { f.cores = 64 }, 7},
		"no cluster fits":     {func(f *fake) { f.machine.free = func(string) (uint64, error) { return 0, nil } }, 0},
		"quota, version 2":    {func(f *fake) { f.cores = 8; f.file("sys/fs/cgroup/cpu.max", "350000 100000\n") }, 3},
		"no quota, version 2": {func(f *fake) { f.file("sys/fs/cgroup/cpu.max", "max 100000\n") }, 2},
		"less than a core":    {func(f *fake) { f.file("sys/fs/cgroup/cpu.max", "50000 100000\n") }, 1},
		"quota, version 1": {func(f *fake) {
			f.cores = 8
			f.file(quota+"quota_us", "400000\n")
			f.file(quota+"period_us", "100000\n")
		}, 4},
		"no quota, version 1":    {func(f *fake) { f.file(quota+"quota_us", "-1\n"); f.file(quota+"period_us", "100000\n") }, 2},
		"quota without a period": {func(f *fake) { f.file(quota+"quota_us", "400000\n") }, 1},
		"unreadable quota":       {func(f *fake) { f.file("sys/fs/cgroup/cpu.max", "many\n") }, 1},
	} {
		f := healthy(t)
		c.change(f)
		if got := capacityOf(t, f); got.Arms != c.arms {
			t.Errorf("%s: %d arms; want %d", name, got.Arms, c.arms)
		}
	}
}

func TestWhatCannotBeReadIsUnknownAndNeverPlenty(t *testing.T) {
	const rootless = `{"KernelVersion":"6.1.0-test","MemTotal":9663676416,"SecurityOptions":["name=rootless"]}`
	inotify := []string{instancesName, watchesName}
	everything := []string{memoryName, instancesName, watchesName, diskName, tasksName}
	for name, c := range map[string]struct {
		change   func(*fake)
		unknown  []string
		clusters int // the upper bound
	}{
		"not root":              {func(f *fake) { f.euid = 1000 }, inotify, 7},
		"rootless":              {func(f *fake) { f.euid = 1000; f.script["docker info --format {{json .}}"] = says(rootless) }, inotify, 7},
		"user namespace":        {func(f *fake) { f.link("proc/self/ns/user", "user:[1]") }, inotify, 7},
		"pid namespace":         {func(f *fake) { f.link("proc/self/ns/pid", "pid:[1]") }, inotify, 7},
		"no namespaces":         {func(f *fake) { delete(f.tree, "proc/self/ns/pid") }, inotify, 7},
		"no processes":          {func(f *fake) { f.die(1) }, inotify, 7},
		"no watches limit":      {func(f *fake) { delete(f.tree, "proc/sys/fs/inotify/max_user_watches") }, []string{watchesName}, 7},
		"bad instances limit":   {func(f *fake) { f.file("proc/sys/fs/inotify/max_user_instances", "-1\n") }, []string{instancesName}, 7},
		"no meminfo":            {func(f *fake) { f.file("proc/meminfo", "MemTotal: 9437184 kB\n") }, []string{memoryName}, 9},
		"no statfs":             {func(f *fake) { f.machine.free = func(string) (uint64, error) { return 0, syscall.EIO } }, []string{diskName}, 7},
		"no data root":          {func(f *fake) { f.script["docker info"] = says("") }, []string{diskName}, 7},
		"no loadavg":            {func(f *fake) { delete(f.tree, "proc/loadavg") }, []string{tasksName}, 7},
		"bad loadavg":           {func(f *fake) { f.file("proc/loadavg", "NaN 0 0 1/2 3\n") }, []string{tasksName}, 7},
		"no pid_max":            {func(f *fake) { delete(f.tree, "proc/sys/kernel/pid_max") }, []string{tasksName}, 7},
		"bad threads-max":       {func(f *fake) { f.file("proc/sys/kernel/threads-max", "\n") }, []string{tasksName}, 7},
		"bad group limit":       {func(f *fake) { f.file("sys/fs/cgroup/memory.max", "?\n") }, []string{memoryName}, 9},
		"group without its use": {func(f *fake) { f.file("sys/fs/cgroup/pids.max", "9\n") }, []string{tasksName}, 7},
		"another kernel":        {func(f *fake) { f.file("proc/sys/kernel/osrelease", "5.0\n") }, everything, 0},
		"another memory":        {func(f *fake) { f.file("proc/meminfo", "MemTotal: 1 kB\nMemAvailable: 8388608 kB\n") }, everything, 0},
		"this kernel not known": {func(f *fake) { delete(f.tree, "proc/sys/kernel/osrelease") }, everything, 0},
	} {
		f := healthy(t)
		c.change(f)
		got := capacityOf(t, f)
		if !slices.Equal(got.Unknown, c.unknown) || got.Clusters != c.clusters || got.Arms > 1 {
			t.Errorf("%s: %+v", name, got)
		}
		for _, r := range got.Resources {
			if (r.Unknown != "") != slices.Contains(c.unknown, r.Name) {
				t.Errorf("%s: %+v", name, r)
			}
		}
		_, row := f.capacityRow(t.Context(), engineOf(t, f))
		if row.Status != Warn || row.Fix == "" || !strings.Contains(row.Value, "unknown: ") {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

func TestALimitOnTheContainersGroupCountsBesideTheMachines(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		limit string
		more  int
	}{
		"memory, version 2": {map[string]string{"memory.max": "4294967296", "memory.current": "1610612736", "memory.stat": "anon 1\ninactive_file 536870912\n"}, memoryName, 2},
		"memory, version 1": {map[string]string{"memory/docker/memory.limit_in_bytes": "4294967296", "memory/docker/memory.usage_in_bytes": "1073741824"}, memoryName, 2},
		"no limits": {map[string]string{"memory/docker/memory.limit_in_bytes": "9223372036854771712", "memory/docker/memory.usage_in_bytes": "1",
			"system.slice/memory.max": "max", "pids/docker/pids.max": "max"}, memoryName, 7},
		"processes":           {map[string]string{"system.slice/pids.max": "3000", "system.slice/pids.current": "100"}, tasksName, 3},
		"less than used":      {map[string]string{"pids/docker/pids.max": "5", "pids/docker/pids.current": "9"}, tasksName, 0},
		"another user's":      {map[string]string{"user.slice/user-0.slice/pids.max": "5", "user.slice/user-0.slice/pids.current": "9"}, memoryName, 7},
		"cache more than use": {map[string]string{"memory.max": "4294967296", "memory.current": "1", "memory.stat": "inactive_file 99999\n"}, memoryName, 3},
	} {
		f := healthy(t)
		for file, text := range c.files {
			f.file("sys/fs/cgroup/"+file, text+"\n")
		}
		if got := capacityOf(t, f); got.LimitedBy != c.limit || got.More != c.more || len(got.Unknown) > 0 {
			t.Errorf("%s: %+v; want %d by %s", name, got, c.more, c.limit)
		}
	}
}

func TestAnEngineThatDoesNotTellIsAnErrorAndSoIsACancelledContext(t *testing.T) {
	for name, breaks := range map[string]func(*fake){
		"fails":     func(f *fake) { f.script["docker info --format {{json .}}"] = fails("boom") },
		"not JSON":  func(f *fake) { f.script["docker info --format {{json .}}"] = says("x") },
		"no kernel": func(f *fake) { f.script["docker info --format {{json .}}"] = says(`{"MemTotal":1}`) },
		"no memory": func(f *fake) { f.script["docker info --format {{json .}}"] = says(`{"KernelVersion":"6.1.0-test"}`) },
		"ps fails":  func(f *fake) { f.script["docker ps"] = fails("boom") },
	} {
		f := healthy(t)
		breaks(f)
		if c, err := f.capacity(t.Context(), engineOf(t, f)); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	f := healthy(t)
	e := engineOf(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := f.capacity(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTheCapacityIsInTheReportForPrograms(t *testing.T) {
	b, err := healthy(t).doctor(t.Context(), options).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Rows     []Row
		Capacity *Capacity
	}
	if err := json.Unmarshal(b, &got); err != nil || len(got.Rows) != 11 || got.Capacity == nil || got.Capacity.Clusters != 7 ||
		got.Capacity.Arms != 2 || got.Capacity.Load != 0.5 || len(got.Capacity.Resources) != 5 {
		t.Errorf("%s: %v", b, err)
	}
}

// link puts a symbolic link into the tree.
func (f *fake) link(name, target string) {
	f.file(name, target)
	f.tree[name].Mode = fs.ModeSymlink | 0o777
}
