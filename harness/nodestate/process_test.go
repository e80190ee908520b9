package nodestate

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// proc puts a process into /proc; its place in systemd's tree as version 2 has it, or version 1 where it begins with "1:".
func (x *tree) proc(pid int, name, state, place, command string) {
	x.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	x.put(dir+"/stat", fmt.Sprintf("%d (%s) %s 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 50 9 9\n", pid, name, state), 0o644)
	x.put(dir+"/cmdline", strings.ReplaceAll(command, " ", "\x00")+"\x00", 0o644)
	text := "0::" + place + "\n"
	if rest, v1 := strings.CutPrefix(place, "1:"); v1 {
		text = "12:pids:/elsewhere\n9:name=systemd:" + rest + "\n0::/\n"
	}
	x.put(dir+"/cgroup", text, 0o644)
}

const (
	podPlace  = "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/cri-containerd-1.scope"
	identity1 = "b4cd0585501b22cbd32385c96bbe0167685c0445720c259c5007fdd4188acdc0"
	identity2 = "f82ad48c-de91-7b2e-65c1-d6adad72ccfc"
)

// newProcesses is a node with processes of every sort.
func newProcesses(t *testing.T) *tree {
	x := newTree(t)
	x.proc(1, "systemd", "S", "/init.scope", "/sbin/init")
	x.proc(1000001, "dbus-daemon", "S", "/system.slice/dbus.service", "/usr/bin/dbus-daemon --system")
	x.proc(1000002, "kubelet", "S", "/kubelet.slice/kubelet.service", "/usr/bin/kubelet --v=2")
	x.proc(1000003, "containerd-shim", "S", "/system.slice/containerd.service", "/usr/bin/containerd-shim-runc-v2 -id "+identity1)
	x.proc(1000004, "containerd-shim", "S", "1:/", "/usr/bin/containerd-shim-runc-v2 -id "+strings.Repeat("0", 64))
	x.proc(1000005, "etcd", "S", "1:"+podPlace, "etcd --name=a")
	x.proc(1000006, "kube-scheduler", "S", podPlace, "kube-scheduler --v=2")
	x.proc(1000007, "coredns", "S", podPlace, "/coredns -conf /etc/coredns/Corefile --token "+identity2)
	x.proc(1000008, "coredns", "R", podPlace, "/coredns -conf /etc/coredns/Corefile --token "+strings.ReplaceAll(identity2, "f", "a"))
	x.proc(1000009, "sh ) x(", "S", "/", "sh -c while")
	x.proc(1000010, "medic", "T", "/user.slice/x.scope", "/medic watch")
	x.proc(1000011, "dead", "Z", "/", "")
	x.proc(1000012, "iptables", "R", "/system.slice/docker.service", "iptables -w")
	x.proc(1000013, "kube-controller", "S", podPlace, "kube-controller-manager --v=2")
	x.proc(os.Getpid(), "itself", "R", "/", "nodestate.test")
	return x
}

func TestProcessesAreCountedByOwnerAndCommandWithoutTheirIdentifiers(t *testing.T) {
	x, f := newProcesses(t), Facts{}
	x.must(x.processFacts(t.Context(), f))
	want := Facts{
		"process/init: /sbin/init":                                            "×1",
		"process/dbus.service: /usr/bin/dbus-daemon --system":                 "×1",
		"process/kubelet.service: /usr/bin/kubelet --v=2":                     "×1",
		"process/containerd.service: /usr/bin/containerd-shim-runc-v2 -id ID": "×2",
		"process/pod: etcd --name=a":                                          "×1",
		"process/pod: kube-scheduler --v=2":                                   "×1",
		"process/pod: kube-controller-manager --v=2":                          "×1",
		"process/pod: /coredns -conf /etc/coredns/Corefile --token ID":        "×2",
		"process/: sh -c while":                                               "×1",
		"process/: /medic watch (stopped)":                                    "×1",
	}
	if !maps.Equal(f, want) {
		t.Errorf("got  %v\nwant %v", f, want)
	}
}

func TestLongCommandsAreToldApartByTheirEnd(t *testing.T) {
	x, f := newTree(t), Facts{}
	x.proc(1000001, "a", "S", podPlace, "a "+strings.Repeat("x", 300)+"1")
	x.proc(1000002, "a", "S", podPlace, "a "+strings.Repeat("x", 300)+"2")
	x.must(x.processFacts(t.Context(), f))
	if len(f) != 2 {
		t.Errorf("%v", f)
	}
}

func TestEveryProcessThatIsNoUnitsIsKilledAndStraysAreNamed(t *testing.T) {
	x := newProcesses(t)
	var report Report
	x.must(x.killStrays(&report))
	var want []string
	for _, pid := range []int{1000002, 1000003, 1000004, 1000005, 1000006, 1000007, 1000008, 1000009, 1000010, 1000013} {
		want = append(want, "kill "+strconv.Itoa(pid)+" SIGKILL")
	}
	got := slices.Sorted(slices.Values(x.machine.commands("kill ")))
	// kubelet has ended by then; would it run still, it were none of the units that stay.
	if !slices.Equal(got, want) || !reflect.DeepEqual(slices.Sorted(slices.Values(report.Killed)), []string{"kubelet", "medic", "sh ) x("}) {
		t.Errorf("killed %q, reported %q", got, report.Killed)
	}
	x.machine.killFail = func(int) error { return unix.ESRCH }
	if err := x.killStrays(&Report{}); err != nil {
		t.Errorf("a process that has ended: %v", err)
	}
	x.machine.killFail = func(pid int) error { return map[int]error{1000010: unix.EPERM}[pid] }
	if err := x.killStrays(&Report{}); !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "medic") {
		t.Errorf("%v", err)
	}
}

func TestEtcdStandsStillAfterTheLeasesAreDeletedAndAllGoOnAgain(t *testing.T) {
	x := newProcesses(t)
	thaw, err := x.freeze(t.Context())
	x.must(err)
	thaw()
	const leases = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --cache-dir=/run/nov30-kubectl --namespace=kube-system delete --ignore-not-found --wait=false leases.coordination.k8s.io kube-scheduler kube-controller-manager"
	want := []string{"kill 1000006 SIGSTOP", "kill 1000013 SIGSTOP", leases, "kill 1000005 SIGSTOP",
		"kill 1000005 SIGCONT", "kill 1000013 SIGCONT", "kill 1000006 SIGCONT"}
	if got := x.machine.commands("kill ", "kubectl "); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWhatWasStoppedGoesOnWhenTheNodeCannotBeKept(t *testing.T) {
	for name, spoil := range map[string]func(x *tree){
		"the leases cannot be deleted": func(x *tree) {
			x.machine.did = func(line string) {
				if strings.HasPrefix(line, "kubectl ") {
					x.machine.fails[line] = errors.New("no")
				}
			}
		},
		"etcd cannot be stopped": func(x *tree) {
			x.machine.killFail = func(pid int) error { return map[int]error{1000005: unix.EPERM}[pid] }
		},
		"a file cannot be read": func(x *tree) { // by root, too
			x.machine.killFail = func(pid int) error {
				if pid == 1000005 {
					return os.RemoveAll(x.at("/proc/1"))
				}
				return nil
			}
		},
	} {
		x := newProcesses(t)
		spoil(x)
		if err := x.Keep(t.Context(), brokenPipe{}); err == nil {
			t.Errorf("%s: kept", name)
		}
		state := map[string]string{}
		for _, line := range x.machine.commands("kill ") {
			f := strings.Fields(line)
			state[f[1]] = f[2]
		}
		for pid, last := range state {
			if last != "SIGCONT" {
				t.Errorf("%s: process %s was left with %s", name, pid, last)
			}
		}
		if state["1000006"] == "" {
			t.Errorf("%s: nothing was ever stopped", name)
		}
	}
}

func TestAProcessThatEndsWhileItIsLookedAtIsNone(t *testing.T) {
	x := newProcesses(t)
	all, err := x.processes()
	x.must(err)
	x.must(os.Remove(x.at("/proc/1000009/cgroup")))
	less, err := x.processes()
	if err != nil || len(less) != len(all)-1 {
		t.Errorf("%d, then %d, %v", len(all), len(less), err)
	}
	x.put("/proc/1000009/cgroup", "0::/\n", 0o644)
	x.put("/proc/1000009/stat", "1000009 sh S", 0o644)
	if _, err := x.processes(); err == nil {
		t.Error("a stat without a name is read")
	}
}

func TestTheStartOfTheNodeIsNeverGuessed(t *testing.T) {
	for name, spoil := range map[string]func(x *tree){
		"no btime":            func(x *tree) { x.put("/proc/stat", "cpu 1\n", 0o644) },
		"a btime of no digit": func(x *tree) { x.put("/proc/stat", "btime x\n", 0o644) },
		"no stat":             func(x *tree) { x.must(os.Remove(x.at("/proc/stat"))) },
		"no process 1":        func(x *tree) { x.must(os.RemoveAll(x.at("/proc/1"))) },
		"a cut process 1":     func(x *tree) { x.put("/proc/1/stat", "1 (systemd) S 0 1 1", 0o644) },
		"no start time":       func(x *tree) { x.put("/proc/1/stat", "1 (a) S"+strings.Repeat(" x", 30), 0o644) },
	} {
		x := newTree(t)
		spoil(x)
		if _, err := x.started(); err == nil || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := newTree(t)
	x.put("/proc/stat", "cpu 1\nbtime 1575108000\n", 0o644)
	x.put("/proc/1/stat", "1 (a) b (c) S"+strings.Repeat(" 0", 18)+" 250 9\n", 0o644)
	if ns, err := x.started(); err != nil || ns != 1575107999e9+2.5e9 {
		t.Errorf("%d, %v", ns, err)
	}
}

func FuzzProcessStat(f *testing.F) {
	f.Add("1 (systemd) S 0 1 1", "a\x00b\x00", "0::/x\n")
	f.Add("1 (a) b) T 0", "", "9:name=systemd:/y\n")
	f.Add(")(", "x", ":::")
	f.Add("1 (a)", "x", "")
	root := f.TempDir()
	if err := os.MkdirAll(root+"/proc/7", 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, stat, command, groups string) {
		for name, text := range map[string]string{"stat": stat, "cmdline": command, "cgroup": groups} {
			if err := os.WriteFile(root+"/proc/7/"+name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Node{Root: root}.process(7)
		if err != nil {
			return
		}
		if !strings.Contains(stat, "("+p.name+")") || stat[strings.LastIndex(stat, ")")+2] != p.state || len(p.command) == 0 {
			t.Errorf("%+v of %q, %q", p, stat, command)
		}
	})
}

func FuzzCgroupOf(f *testing.F) {
	f.Add("0::/system.slice/dbus.service\n")
	f.Add("12:pids:/a\n9:name=systemd:/b:c\n0::/\n")
	f.Add("9:name=systemd\n")
	f.Fuzz(func(t *testing.T, text string) {
		if got := cgroupOf(text); got != "" && !strings.Contains(text, ":name=systemd:"+got) && !strings.Contains(text, "0::"+got) {
			t.Errorf("%q of %q", got, text)
		}
	})
}
