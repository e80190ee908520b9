package nodestate

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (x *tree) fileFactsNow() Facts {
	x.Helper()
	f := Facts{}
	x.must(x.fileFacts(x.Context(), f))
	return f
}

// different are the objects that two sets of facts differ in.
func different(a, b Facts) []string {
	var all []string
	for object := range a {
		if b[object] != a[object] {
			all = append(all, object)
		}
	}
	for object := range b {
		if _, there := a[object]; !there {
			all = append(all, object)
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryChangeOfAFileIsInTheFacts(t *testing.T) {
	for name, m := range messes {
		t.Run(name, func(t *testing.T) {
			x := newNode(t)
			before, seen := x.fileFactsNow(), func() map[string]string { s, _ := x.picture(); return s }
			if d := different(before, x.fileFactsNow()); len(d) > 0 {
				t.Fatalf("nothing changed, and these did: %q", d)
			}
			was := seen()
			m.does(x)
			got := different(before, x.fileFactsNow())
			var want []string
			is := seen()
			for p := range maps.Keys(mergeKeys(was, is)) {
				special := strings.HasPrefix(is[p], "140") // a socket is none
				stays := onlyTime(was[p], is[p]) && below(p, kept)
				blind := name == "a program of the image" // of these size and time alone are looked at
				if was[p] != is[p] && !stays && !below(p, restless) && !blind && !(special && was[p] == "") {
					want = append(want, "file"+p)
				}
			}
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func mergeKeys(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func TestFactsHoldNoContent(t *testing.T) {
	x := newNode(t)
	for object, value := range x.fileFactsNow() {
		if strings.Contains(object+value, "administrator") {
			t.Errorf("%s: %s", object, value)
		}
	}
}

func TestWhatKubeletNotesForItselfIsNoFact(t *testing.T) {
	x := newNode(t)
	before := x.fileFactsNow()
	x.put("/var/lib/kubelet/cpu_manager_state", "{}", 0o600)
	x.put("/var/log/syslog", "it goes on", 0o600)
	x.put("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n", 0o644) // the same
	if d := different(before, x.fileFactsNow()); len(d) > 0 {
		t.Errorf("%q", d)
	}
}

func TestSettingsOfTheNodesOwnNetworkAreFacts(t *testing.T) {
	x, f := newTree(t), Facts{}
	x.put("/proc/sys/net/ipv4/ip_forward", "1\n", 0o644)
	x.put("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n", 0o644)
	x.put("/proc/sys/net/ipv4/conf/veth1/forwarding", "1\n", 0o644)
	x.put("/proc/sys/net/netfilter/nf_conntrack_count", "12\n", 0o644)
	x.put("/proc/sys/kernel/hostname", "the host's\n", 0o644)
	x.must(x.sysctlFacts(t.Context(), f))
	if want := (Facts{"sysctl/net/ipv4/ip_forward": "1", "sysctl/net/ipv4/tcp_rmem": "4096 131072 6291456"}); !maps.Equal(f, want) {
		t.Errorf("got %v, want %v", f, want)
	}
}

func TestActiveAndFailedUnitsAndImagesAreFacts(t *testing.T) {
	x, f := newTree(t), Facts{}
	x.machine.prints[listUnits+"active"] = "dbus.service loaded active running D-Bus\nkubelet.service loaded active running x\n"
	x.machine.prints[listUnits+"failed"] = "evil.service loaded failed failed x\n"
	x.machine.prints["ctr --namespace k8s.io images list"] = "REF TYPE DIGEST SIZE\npause:3.10 application/x sha256:1 300 KiB\n"
	x.must(x.runtimeFacts(t.Context(), f))
	if want := (Facts{"unit/dbus.service": "active", "unit/evil.service": "failed", "image/pause:3.10 sha256:1": "there"}); !maps.Equal(f, want) {
		t.Errorf("got %v, want %v", f, want)
	}
}

func TestFactsAreWholeOrAnError(t *testing.T) {
	x := newNode(t)
	x.put("/proc/sys/net/ipv4/ip_forward", "1\n", 0o644)
	x.proc(1, "systemd", "S", "/init.scope", "/sbin/init")
	x.start()
	x.machine.prints["ip -o link show"] = text(t, "link")
	x.machine.prints[listUnits+"active"] = "dbus.service loaded active running D-Bus\n"
	x.machine.prints["ctr --namespace k8s.io images list"] = "REF TYPE DIGEST SIZE\npause:3.10 application/x sha256:1 300 KiB\n"
	f, err := x.Facts(t.Context())
	x.must(err)
	for _, object := range []string{"process/init: /sbin/init", "mount/", "file/etc/hosts", "link/eth0 up", "sysctl/net/ipv4/ip_forward", "unit/dbus.service", "image/pause:3.10 sha256:1", "served/6443"} {
		if f[object] == "" {
			t.Errorf("no %s", object)
		}
	}
	for name, spoil := range map[string]func(x *tree){
		"no network":   func(x *tree) { x.machine.fails["iptables-save"] = unix.EPERM },
		"no units":     func(x *tree) { x.machine.fails[listUnits+"active --plain --no-legend --no-pager --full"] = unix.EPERM },
		"no images":    func(x *tree) { x.machine.prints["ctr --namespace k8s.io images list"] = "" },
		"no mounts":    func(x *tree) { x.must(os.Remove(x.at("/proc/self/mountinfo"))) },
		"no processes": func(x *tree) { x.put("/proc/1/stat", "cut", 0o600) },
	} {
		x := newNode(t)
		x.put("/proc/sys/net/ipv4/ip_forward", "1\n", 0o644)
		spoil(x)
		if f, err := x.Facts(t.Context()); err == nil {
			t.Errorf("%s: %d facts", name, len(f))
		}
	}
}
