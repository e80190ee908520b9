package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

const (
	container = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	another   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// leave writes what a killed daemon leaves in its directory.
func leave(t *testing.T, d daemon) {
	t.Helper()
	for _, dir := range []string{d.exec, d.containerd.state} {
		if err := os.MkdirAll(filepath.Join(dir, "some"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{d.pid, d.socket, d.containerd.socket, d.config} {
		if err := os.WriteFile(file, []byte("77"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func gone(paths ...string) (left []string) {
	for _, p := range paths {
		if _, err := os.Lstat(p); err == nil {
			left = append(left, p)
		}
	}
	return left
}

func TestStalePidFileOfAnotherProcessIsRemovedAndTheProcessLeftAlone(t *testing.T) {
	f := newFake(t).installed()
	d := f.own()
	leave(t, d)
	f.process(77, "/usr/bin/important")
	f.process(78, "/usr/sbin/dockerd", "-H", "fd://")
	f.process(79, "/usr/sbin/dockerd", "--data-root", d.data+"2")
	f.process(80, "/usr/bin/grep", "--data-root", d.data)
	f.process(81, "/usr/bin/containerd")
	if err := f.clear(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if len(f.signals) > 0 {
		t.Errorf("signals %v", f.signals)
	}
	if left := gone(d.pid, d.socket, d.containerd.socket, d.exec, d.containerd.state); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestMountsAreDetachedTheNewestFirstAndOnlyOurs(t *testing.T) {
	f := newFake(t)
	d := f.own()
	f.file("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/vda rw\n"+
		"2 1 8:1 /x "+d.data+" rw - ext4 /dev/vda rw\n"+
		"3 1 0:9 / "+d.data+"/overlay2/a\\040b/merged rw - overlay overlay rw\n"+
		"4 1 0:9 / "+d.dir+"-other rw - overlay overlay rw\n")
	if err := f.clear(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if want := []string{d.data + "/overlay2/a b/merged", d.data}; !slices.Equal(f.removed, want) {
		t.Errorf("detached %q; want %q", f.removed, want)
	}
}

func TestAMountThatCannotBeDetachedIsAnErrorAndNothingBelowIsDeleted(t *testing.T) {
	f := newFake(t)
	d := f.own()
	leave(t, d)
	f.file("proc/self/mountinfo", "2 1 8:1 /x "+d.exec+"/netns/a rw - nsfs nsfs rw\n")
	f.machine.unmount = func(string) error { return syscall.EPERM }
	if err := f.clear(t.Context(), d); !errors.Is(err, syscall.EPERM) || len(gone(d.exec)) == 0 {
		t.Fatalf("got %v", err)
	}
}

func TestContainersWithoutAShimAreEndedAndThoseWithOneKeptForDockerd(t *testing.T) {
	f := newFake(t)
	d := f.own()
	leave(t, d)
	for _, id := range []string{container, another} {
		f.tree[path(d.data)+"/containers/"+id+"/config.v2.json"] = &fstest.MapFile{}
	}
	f.process(60, "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", another, "-address", d.containerd.socket)
	f.file("proc/61/cgroup", "4:memory:/docker/"+another+"\n")
	f.file("proc/62/cgroup", "4:memory:/docker/"+container+"/kubelet/x\n")
	f.file("proc/63/cgroup", "4:memory:/docker/cccc\n")
	f.file("sys/fs/cgroup/memory/docker/"+container+"/kubelet/tasks", "")
	f.file("sys/fs/cgroup/memory/docker/"+another+"/tasks", "")
	if err := f.clear(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.signals, []string{"62 killed"}) {
		t.Errorf("signals %v", f.signals)
	}
	top := "/sys/fs/cgroup/memory/docker/" + container
	if want := []string{top + "/kubelet", top}; !slices.Equal(f.removed, want) {
		t.Errorf("removed %v; want %v", f.removed, want)
	}
	if len(gone(d.exec)) == 0 {
		t.Error("the state of a container with a living shim was deleted")
	}
}

func TestStopEndsTheDaemonsThenContainersAndShimsAndTidiesUp(t *testing.T) {
	f := newFake(t).installed()
	if _, err := f.ensureOwn(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	d := f.own()
	leave(t, d)
	f.tree[path(d.data)+"/containers/"+container+"/config.v2.json"] = &fstest.MapFile{}
	f.process(60, "/usr/bin/containerd-shim-runc-v2", "-id", container, "-address", d.containerd.socket)
	f.file("proc/62/cgroup", "0::/docker/"+container+"\n")
	f.process(99, "/usr/sbin/dockerd", "-H", "fd://")
	var n network
	readJSON(t, d.network, &n)
	f.script["ip -json link"] = says(`[{"ifname":"eth0"},{"ifname":"` + n.Bridge + `"},{"ifname":"br-0123456789ab"},` +
		`{"ifname":"br-cdefcdefcdef"},{"ifname":"br-lan"}]`)
	f.file(path(d.data)+"/network/files/local-kv.db", "\x00docker/network/0123456789abcdef\x00 lan")
	if err := f.stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"1002 terminated", "1001 terminated", "62 killed", "60 killed"}; !slices.Equal(f.signals, want) {
		t.Errorf("signals %v; want %v", f.signals, want)
	}
	if left := gone(d.pid, d.socket, d.containerd.socket, d.exec, d.containerd.state); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	for dev, want := range map[string]bool{n.Bridge: true, "br-0123456789ab": true, "br-cdefcdefcdef": false, "br-lan": false, "eth0": false} {
		if f.did("ip link delete dev "+dev) != want {
			t.Errorf("%s deleted: %v", dev, !want)
		}
	}
}

func TestStopWithoutADaemonDoesNothing(t *testing.T) {
	f := newFake(t)
	if err := f.stop(t.Context()); err != nil || len(f.ran) > 0 || len(f.signals) > 0 {
		t.Fatalf("%v; ran %v, signals %v", err, f.ran, f.signals)
	}
}

func TestStopReportsADaemonThatNothingEnds(t *testing.T) {
	f := newFake(t)
	d := f.own()
	leave(t, d)
	f.process(50, "/usr/sbin/dockerd", "--data-root", d.data)
	f.onSignal = func(int, syscall.Signal) {}
	if err := f.stop(t.Context()); err == nil || !strings.Contains(err.Error(), "dockerd [50]") {
		t.Fatalf("got %v", err)
	}
}

func FuzzMountsBelowAreBelow(f *testing.F) {
	f.Add("2 1 8:1 /x /s/e/data rw - ext4 /dev/vda rw\n3 1 0:9 / /s/e/a\\040b rw - overlay overlay rw\n")
	f.Fuzz(func(t *testing.T, table string) {
		for _, point := range mountsBelow(table, "/s/e") {
			if !strings.HasPrefix(point, "/s/e/") {
				t.Fatalf("%q of %q", point, table)
			}
		}
		cgroups(table)
	})
}
