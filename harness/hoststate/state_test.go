package hoststate

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// host is a machine made of files, with programs that are answered by the test.
type host struct {
	Machine
	t        *testing.T
	programs map[string]string // output by name; what is not in it does not exist
	bridges  []string
}

const someTables = "*filter\n:INPUT ACCEPT [3:100]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"

// newHost is a machine as it is before a run.
func newHost(t *testing.T) *host {
	h := &host{t: t, programs: map[string]string{"iptables-save": someTables}, bridges: []string{"br-0123456789ab", "nov30-a8952e"}}
	h.Machine = Machine{Clock: clockwork.NewFakeClock(), Root: t.TempDir(), Home: "/home/u", EngineDirs: []string{"/var/lib/docker"}, Marks: []string{"run-20191130"},
		Bridges: func(context.Context) ([]string, error) { return h.bridges, nil }, Run: h.run}
	for path, text := range map[string]string{
		"/etc/resolv.conf": "nameserver 192.0.2.1\n", "/etc/hosts": "127.0.0.1 localhost\n", "/etc/hostname": "vm\n", "/etc/nsswitch.conf": "hosts: files dns\n",
		"/home/u/.kube/config": "mine", "/proc/sys/kernel/hostname": "vm\n", "/proc/sys/kernel/panic": "0\n", "/proc/sys/net/ipv4/ip_forward": "1\n",
		"/proc/self/mountinfo":               "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n43 27 254:0 /x /var/lib/docker/overlay2/a/merged rw - overlay overlay rw\n",
		"/proc/net/route":                    "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 010200C0 0003 0 0 0 00000000\nbr-0123456789ab 0001C70A 00000000 0001 0 0 0 00FFFFFF\n",
		"/sys/class/net/eth0/address":        "02:fc:00:00:00:01\n",
		"/sys/class/net/br-0123456789ab/mtu": "1500\n",
		"/proc/1/cmdline":                    "/sbin/init\x00",
	} {
		h.put(path, text)
	}
	return h
}

func (h *host) run(_ context.Context, argv ...string) ([]byte, error) {
	out, is := h.programs[argv[0]]
	if !is {
		return nil, &exec.Error{Name: argv[0], Err: exec.ErrNotFound}
	}
	return []byte(out), nil
}

func (h *host) put(path, text string) {
	h.t.Helper()
	path = filepath.Join(h.Root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) link(target, path string) {
	h.t.Helper()
	path = filepath.Join(h.Root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(path), os.Symlink(target, path)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) remove(path string) {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.Root, path)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) take() State {
	h.t.Helper()
	s, err := h.Take(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h *host) tables(old, new string) {
	h.t.Helper()
	if !strings.Contains(h.programs["iptables-save"], old) {
		h.t.Fatalf("no %q", old)
	}
	h.programs["iptables-save"] = strings.Replace(h.programs["iptables-save"], old, new, 1)
}

func TestEachThingThatARunMustLeaveAloneIsMissedWhenItChanges(t *testing.T) {
	for says, change := range map[string]func(*host){
		"file /etc/resolv.conf was:":                      func(h *host) { h.put("/etc/resolv.conf", "nameserver 192.0.2.2\n") },
		"file /etc/hosts was: -rw":                        func(h *host) { h.remove("/etc/hosts") },
		"file /etc/nsswitch.conf was:":                    func(h *host) { h.link("/dev/null", "/etc/nsswitch.conf") },
		"file /home/u/.kube/config was:":                  func(h *host) { h.put("/home/u/.kube/config", "theirs") },
		"file /home/u/.kube/cache/discovery/x is new":     func(h *host) { h.put("/home/u/.kube/cache/discovery/x", "") },
		"file /home/u/.kube/config is gone":               func(h *host) { h.remove("/home/u/.kube") },
		"file /etc/kubernetes/admin.conf is new":          func(h *host) { h.put("/etc/kubernetes/admin.conf", "") },
		"sysctl kernel/hostname was: vm":                  func(h *host) { h.put("/proc/sys/kernel/hostname", "nov30") },
		"sysctl kernel/panic was: 0\nand is: 1":           func(h *host) { h.put("/proc/sys/kernel/panic", "1") },
		"sysctl net/ipv4/ip_forward was: 1":               func(h *host) { h.put("/proc/sys/net/ipv4/ip_forward", "0") },
		"sysctl net/ipv4/ip_forward is gone":              func(h *host) { h.remove("/proc/sys/net/ipv4/ip_forward") },
		"mount /mnt is new: tmpfs of t":                   func(h *host) { h.add("/proc/self/mountinfo", "9 1 0:1 / /mnt rw - tmpfs t rw\n") },
		"mount / was: ext4":                               func(h *host) { h.add("/proc/self/mountinfo", "9 1 0:1 / / rw - tmpfs t rw\n") },
		"mount / is gone":                                 func(h *host) { h.put("/proc/self/mountinfo", "") },
		"interface tun0 is new":                           func(h *host) { h.put("/sys/class/net/tun0/address", "x") },
		"interface eth0 was:":                             func(h *host) { h.put("/sys/class/net/eth0/address", "02:fc:00:00:00:02") },
		"interface eth0 is gone":                          func(h *host) { h.remove("/sys/class/net/eth0") },
		"interface br-ffffffffffff was left behind":       func(h *host) { h.put("/sys/class/net/br-ffffffffffff/mtu", "") },
		"interface veth0a1b2c3 was left behind":           func(h *host) { h.put("/sys/class/net/veth0a1b2c3/mtu", "") },
		"interface veth0a1b2c4 was left behind":           func(h *host) { h.link("../br-ffffffffffff", "/sys/class/net/veth0a1b2c4/master") },
		"route 007100CB/00FFFFFF by 00000000 on *, flags": func(h *host) { h.add("/proc/net/route", "* 007100CB 00000000 0201 0 0 0 00FFFFFF\n") },
		"process 4711 is new: /usr/bin/tool":              func(h *host) { h.put("/proc/4711/cmdline", "/usr/bin/tool\x00--run\x00run-20191130\x00") },
		"process 4712 is new: /usr/bin/guard": func(h *host) {
			h.put("/proc/4712/cmdline", "/usr/bin/guard")
			h.put("/proc/4712/environ", "RUN=run-20191130\x00")
		},
		"firewall ip filter INPUT was: policy ACCEPT; -i":               func(h *host) { h.tables("-A INPUT", "-A INPUT -p icmp -j DROP\n-A INPUT") },
		"and is: policy ACCEPT; -i eth0 -p tcp -m tcp --dport 2222":     func(h *host) { h.tables("--dport 22", "--dport 2222") },
		"firewall ip filter FORWARD was: policy DROP\nand is: policy A": func(h *host) { h.tables("FORWARD DROP", "FORWARD ACCEPT") },
		"firewall ip filter LOGGING is new":                             func(h *host) { h.tables(":DOCKER", ":LOGGING - [0:0]\n:DOCKER") },
		"firewall ip filter DOCKER-USER is new":                         func(h *host) { h.tables("COMMIT", ":DOCKER-USER - [0:0]\nCOMMIT") },
		"firewall ip mangle OUTPUT is new":                              func(h *host) { h.programs["iptables-save"] += "*mangle\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n" },
		"firewall by iptables-save is new: there is no such program":    func(h *host) { delete(h.programs, "iptables-save"); h.programs["nft"] = "" },
		"firewall rule ip filter FORWARD -i br-ffffffffffff -j ACCEPT was left behind": func(h *host) {
			h.tables("COMMIT", "-A FORWARD -i br-ffffffffffff -j ACCEPT\nCOMMIT")
		},
		"firewall nft table inet x chain input is new": func(h *host) { h.programs["nft"] = "table inet x {\n\tchain input {\n\t\tdrop\n\t}\n}\n" },
	} {
		h := newHost(t)
		before := h.take()
		if d := before.Differences(h.take()); len(d) > 0 {
			t.Fatalf("without a change: %q", d)
		}
		change(h)
		d := before.Differences(h.take())
		if !slices.ContainsFunc(d, func(s string) bool { return strings.Contains(s, says) }) {
			t.Errorf("%q is not among %q", says, d)
		}
	}
}

func (h *host) add(path, text string) {
	h.t.Helper()
	old, err := os.ReadFile(filepath.Join(h.Root, path))
	if err != nil {
		h.t.Fatal(err)
	}
	h.put(path, string(old)+text)
}

func TestWhatEnginesKubeletsAndOtherClustersDoIsNoDifference(t *testing.T) {
	for name, change := range map[string]func(*host){
		"another cluster came": func(h *host) {
			h.bridges = append(h.bridges, "br-ffffffffffff")
			h.put("/sys/class/net/br-ffffffffffff/mtu", "")
			h.link("../br-ffffffffffff", "/sys/class/net/veth0a1b2c4/master")
			h.tables("COMMIT", "-A FORWARD -i br-ffffffffffff -j ACCEPT\n-A DOCKER -d 10.0.0.2/32 ! -i br-ffffffffffff -j ACCEPT\nCOMMIT")
			h.add("/proc/net/route", "br-ffffffffffff 0001C70A 00000000 0001 0 0 0 00FFFFFF\n")
			h.add("/proc/self/mountinfo", "9 1 0:4 net:[1] /run/docker/netns/1 rw - nsfs nsfs rw\n9 1 0:4 / /var/lib/docker/x rw - overlay o rw\n")
		},
		"another cluster went": func(h *host) {
			h.bridges = nil
			h.remove("/sys/class/net/br-0123456789ab")
			h.put("/proc/net/route", "Iface Destination Gateway Flags RefCnt Use Metric Mask\neth0 00000000 010200C0 0003 5 9 0 00000000\n")
		},
		"packets were counted": func(h *host) { h.tables("[3:100]", "[4:200]") },
		"a container calls its own port": func(h *host) {
			h.programs["iptables-save"] += "*nat\n-A POSTROUTING -s 10.0.0.2/32 -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\nCOMMIT\n"
		},
		"kubelet started":            func(h *host) { h.put("/proc/sys/kernel/panic", "10\n") },
		"somebody logged in":         func(h *host) { h.add("/proc/self/mountinfo", "9 1 0:1 / /run/user/1000 rw - tmpfs t rw\n") },
		"a process of somebody else": func(h *host) { h.put("/proc/4711/cmdline", "vi\x00") },
		"this process is marked":     func(h *host) { h.put("/proc/"+strconv.Itoa(os.Getpid())+"/cmdline", "test\x00run-20191130") },
		"a file was touched":         func(h *host) { h.put("/etc/hosts", "127.0.0.1 localhost\n") },
	} {
		h := newHost(t)
		before := h.take()
		change(h)
		if d := before.Differences(h.take()); len(d) > 0 {
			t.Errorf("%s: %q", name, d)
		}
	}
}

func TestAParentThatIsMarkedIsNoLeftover(t *testing.T) {
	h := newHost(t)
	h.put("/proc/"+strconv.Itoa(os.Getpid())+"/stat", strconv.Itoa(os.Getpid())+" (a b) c) S 4711 1 1 0")
	h.put("/proc/4711/cmdline", "make\x00run-20191130\x00")
	h.put("/proc/4711/stat", "4711 (make) S 1 1 1 0")
	h.put("/proc/4712/cmdline", "other\x00run-20191130\x00")
	s := h.take()
	if _, is := s.facts["process 4711"]; is {
		t.Error("the parent is noted")
	}
	if _, is := s.facts["process 4712"]; !is {
		t.Error("the other is not noted")
	}
}

func TestAKubeConfigurationBehindALinkIsLookedAt(t *testing.T) {
	h := newHost(t)
	h.put("/data/kube/config", "mine")
	h.put("/run/resolv.conf", "nameserver 192.0.2.1\n")
	h.link(filepath.Join(h.Root, "/data/kube"), "/home/u/.kube")
	h.link("../run/resolv.conf", "/etc/resolv.conf")
	before := h.take()
	h.put("/data/kube/config", "theirs")
	h.put("/run/resolv.conf", "nameserver 192.0.2.2\n")
	if d := before.Differences(h.take()); len(d) != 2 || !strings.Contains(d[0], "/etc/resolv.conf, what it leads to was") || !strings.Contains(d[1], "/home/u/.kube/config was") {
		t.Errorf("%q", d)
	}
}

func TestUnitsAreLookedAtWhereSystemdRuns(t *testing.T) {
	h := newHost(t)
	before := h.take() // without systemctl
	h.put("/run/systemd/system/x", "")
	h.programs["systemctl"] = "ssh.service loaded active running\nnov30-ttl.timer loaded active waiting\nrevert-run-20191130.service loaded failed failed\n"
	if d := before.Differences(h.take()); len(d) != 2 || !strings.Contains(d[0], "nov30-ttl.timer") || !strings.Contains(d[1], "run-20191130") {
		t.Errorf("%q", d)
	}
}

func TestAWallClockThatWasMovedIsADifference(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		passed, moved time.Duration
		ok            bool
	}{
		{time.Minute, 0, true}, {time.Minute, time.Second, true}, {time.Minute, -time.Second, true}, {time.Minute, 2 * time.Second, false},
		{time.Minute, -2 * time.Second, false}, {time.Hour, 2 * time.Second, true}, {time.Hour, 4 * time.Second, false}, {time.Second, -24 * time.Hour, false},
	} {
		got := moved(c.passed, c.moved)
		if (got == "") != c.ok {
			t.Errorf("moved by %v in %v: %q", c.moved, c.passed, got)
		}
	}
	if got := (State{at: start}).clockMoved(State{at: time.Now()}); got != "" {
		t.Errorf("a clock that runs on: %s", got)
	}
}

func TestWhatCannotBeMeasuredIsAnError(t *testing.T) {
	broken := errors.New("broken")
	for name, spoil := range map[string]func(*host){
		"the engine":          func(h *host) { h.Bridges = func(context.Context) ([]string, error) { return nil, broken } },
		"no firewall":         func(h *host) { h.programs = nil },
		"a firewall's output": func(h *host) { h.programs["iptables-save"] = "no rules here" },
		"mounts":              func(h *host) { h.remove("/proc/self/mountinfo") },
		"a mount":             func(h *host) { h.put("/proc/self/mountinfo", "1 2 3\n") },
		"a route":             func(h *host) { h.put("/proc/net/route", "x\neth0 1\n") },
		"interfaces":          func(h *host) { h.remove("/sys/class/net") },
		"systemctl":           func(h *host) { h.put("/run/systemd/system/x", "") },
	} {
		h := newHost(t)
		spoil(h)
		if _, err := h.Take(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	h := newHost(t)
	h.Run = func(context.Context, ...string) ([]byte, error) { return nil, broken }
	if s, err := h.Take(t.Context()); os.Getuid() == 0 && err == nil || os.Getuid() != 0 && len(s.Unmeasured) == 0 {
		t.Errorf("rules that cannot be read: %v, %v", s.Unmeasured, err)
	}
}

func TestThisMachineCanBeDescribed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("nov30 runs on Linux")
	}
	m := Machine{Clock: clockwork.NewRealClock(), Root: "/", Home: t.TempDir(), Run: newHost(t).run, Bridges: func(context.Context) ([]string, error) { return nil, nil }}
	s, err := m.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{"file /etc/hosts", "mount /", "interface lo", "sysctl kernel/panic", "firewall ip filter INPUT"} {
		if s.facts[fact] == "" {
			t.Errorf("nothing of %s", fact)
		}
	}
}
