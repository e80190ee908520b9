package nodestate

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	longName = "/etc/" + "a234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" +
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"
	walSize = 1 << 16
)

// newNode is a node with files of the image, and files that were written since it started.
func newNode(t *testing.T) *tree {
	x := newTree(t)
	x.put("/usr/bin/kubelet", "kubelet 1.34", 0o755)
	x.put("/usr/share/doc/a/copyright", "free", 0o644)
	x.put("/etc/hosts", "127.0.0.1 localhost\n", 0o644)
	x.put("/var/log/dpkg.log", "installed", 0o644)
	x.link("/lib", "usr/lib")
	x.must(unix.Mkfifo(x.at("/usr/share/pipe"), 0o600))
	x.start()
	x.put("/etc/kubernetes/admin.conf", "the administrator's key", 0o600)
	x.put("/etc/kubernetes/pki/ca.crt", "the CA", 0o644)
	x.put("/etc/setuid", "#!", 0o755)
	x.must(unix.Chmod(x.at("/etc/setuid"), 0o4755))
	x.put("/etc/empty", "", 0o644)
	x.put("/var/lib/etcd/member/wal/0.wal", "entries", 0o600)
	x.must(os.Truncate(x.at("/var/lib/etcd/member/wal/0.wal"), walSize))
	x.put("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n", 0o644)
	x.put("/opt/cni/bin/ptp", "made at start", 0o755)
	x.put("/run/systemd/transient/own.service", "[Unit]\n", 0o644)
	x.must(os.Mkdir(x.at("/run/systemd/system"), 0o755))
	x.put(longName, "x", 0o644)
	x.link("/etc/localtime", "/usr/share/zoneinfo/UTC")
	return x
}

// ofImage are newNode's files that are not kept.
var ofImage = []string{"/usr/bin/kubelet", "/usr/share/doc/a/copyright", "/var/log/dpkg.log", "/usr/share/pipe"}

type mess struct {
	does   func(x *tree)
	report Report
}

func remove(path string) func(x *tree) {
	return func(x *tree) { x.must(os.RemoveAll(x.at(path))) }
}

var messes = map[string]mess{
	"nothing at all": {func(*tree) {}, Report{}},
	"a content of the same size and time": {func(x *tree) { x.alter("/etc/kubernetes/admin.conf", "another's key, as long.") },
		Report{Altered: []string{"/etc/kubernetes/admin.conf"}}},
	"a content of another size":   {func(x *tree) { x.put("/etc/hosts", "127.0.0.1 localhost\n6.6.6.6 registry\n", 0o644) }, Report{Altered: []string{"/etc/hosts"}}},
	"a content in an empty file":  {func(x *tree) { x.put("/etc/empty", "\x00", 0o644) }, Report{Altered: []string{"/etc/empty"}}},
	"another mode":                {func(x *tree) { x.must(os.Chmod(x.at("/etc/kubernetes/admin.conf"), 0o644)) }, Report{Altered: []string{"/etc/kubernetes/admin.conf"}}},
	"another mode of a directory": {func(x *tree) { x.must(os.Chmod(x.at("/etc/kubernetes"), 0o777)) }, Report{Altered: []string{"/etc/kubernetes"}}},
	"no set-user-ID any more":     {func(x *tree) { x.must(unix.Chmod(x.at("/etc/setuid"), 0o755)) }, Report{Altered: []string{"/etc/setuid"}}},
	"only another time":           {func(x *tree) { x.must(os.Chtimes(x.at("/etc/hosts"), unixEpoch, unixEpoch)) }, Report{}},
	"a file that is a directory now": {func(x *tree) { remove("/etc/hosts")(x); x.put("/etc/hosts/.x/y", "", 0o600) },
		Report{Altered: []string{"/etc/hosts"}, Removed: []string{"/etc/hosts/.x", "/etc/hosts/.x/y"}}},
	"a directory that is a file now": {func(x *tree) { remove("/etc/kubernetes")(x); x.put("/etc/kubernetes", "", 0o600) },
		Report{Altered: []string{"/etc/kubernetes"}, Restored: []string{"/etc/kubernetes/admin.conf", "/etc/kubernetes/pki", "/etc/kubernetes/pki/ca.crt"}}},
	"a file that is a link now": {func(x *tree) { remove("/etc/hosts")(x); x.link("/etc/hosts", "/dev/null") }, Report{Altered: []string{"/etc/hosts"}}},
	"a link that is a file now": {func(x *tree) { remove("/etc/localtime")(x); x.put("/etc/localtime", "UTC", 0o644) }, Report{Altered: []string{"/etc/localtime"}}},
	"a directory that leads elsewhere now": {func(x *tree) {
		x.must(os.Rename(x.at("/etc/kubernetes"), x.at("/etc/elsewhere")))
		x.link("/etc/kubernetes", "elsewhere")
	}, Report{Altered: []string{"/etc/kubernetes"}, Restored: []string{"/etc/kubernetes/admin.conf", "/etc/kubernetes/pki", "/etc/kubernetes/pki/ca.crt"},
		Removed: []string{"/etc/elsewhere", "/etc/elsewhere/admin.conf", "/etc/elsewhere/pki", "/etc/elsewhere/pki/ca.crt"}}},
	"a link to another target": {func(x *tree) { remove("/etc/localtime")(x); x.link("/etc/localtime", "/usr/share/zoneinfo/CET") }, Report{Altered: []string{"/etc/localtime"}}},
	"a file that is gone":      {remove("/opt/cni/bin/ptp"), Report{Restored: []string{"/opt/cni/bin/ptp"}}},
	"a link that is gone":      {remove("/lib"), Report{Restored: []string{"/lib"}}},
	"a name as long as can be": {remove(longName), Report{Restored: []string{longName}}},
	"a directory that is gone": {remove("/etc/kubernetes"),
		Report{Restored: []string{"/etc/kubernetes", "/etc/kubernetes/admin.conf", "/etc/kubernetes/pki", "/etc/kubernetes/pki/ca.crt"}}},
	"a directory that is a socket now": {func(x *tree) {
		remove("/etc/kubernetes/pki")(x)
		l, err := net.Listen("unix", x.at("/etc/kubernetes/pki"))
		x.must(err)
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		x.must(l.Close())
	}, Report{Restored: []string{"/etc/kubernetes/pki", "/etc/kubernetes/pki/ca.crt"}}},
	"hidden files and directories": {func(x *tree) { x.put("/.hidden/.er", "", 0o600); x.put("/etc/.new", "", 0o600); x.link("/usr/.l", "/") },
		Report{Removed: []string{"/.hidden", "/.hidden/.er", "/etc/.new", "/usr/.l"}}},
	"a new pipe":                             {func(x *tree) { x.must(unix.Mkfifo(x.at("/etc/pipe"), 0o600)) }, Report{Removed: []string{"/etc/pipe"}}},
	"etcd's log, of which nobody is told":    {func(x *tree) { x.alter("/var/lib/etcd/member/wal/0.wal", "others."+strings.Repeat("\x00", walSize-7)) }, Report{}},
	"etcd's log, shorter":                    {func(x *tree) { x.must(os.Truncate(x.at("/var/lib/etcd/member/wal/0.wal"), 3)) }, Report{}},
	"etcd's data is gone":                    {remove("/var/lib/etcd/member"), Report{}},
	"a program of the image":                 {func(x *tree) { x.alter("/usr/bin/kubelet", "kubelet 1.33") }, Report{Lost: []string{"/usr/bin/kubelet"}}},
	"a program's mode":                       {func(x *tree) { x.must(os.Chmod(x.at("/usr/bin/kubelet"), 0o644)) }, Report{Lost: []string{"/usr/bin/kubelet"}}},
	"a program that is gone":                 {remove("/usr/bin/kubelet"), Report{Lost: []string{"/usr/bin/kubelet"}}},
	"a pipe of the image that is gone":       {remove("/usr/share/pipe"), Report{Lost: []string{"/usr/share/pipe"}}},
	"a log of the image, of which is told":   {remove("/var/log/dpkg.log"), Report{Lost: []string{"/var/log/dpkg.log"}}},
	"a directory of the image that is gone":  {remove("/usr/share/doc"), Report{Restored: []string{"/usr/share/doc", "/usr/share/doc/a"}, Lost: []string{"/usr/share/doc/a/copyright"}}},
	"a program that is a directory now":      {func(x *tree) { remove("/usr/bin/kubelet")(x); x.put("/usr/bin/kubelet/x", "", 0o600) }, Report{Lost: []string{"/usr/bin/kubelet"}, Removed: []string{"/usr/bin/kubelet/x"}}},
	"a unit that is masked until the reboot": {func(x *tree) { x.link("/run/systemd/system/kubelet.service", "/dev/null") }, Report{reload: true}},
	"units of this boot that are gone":       {remove("/run/systemd/transient"), Report{reload: true}},
}

func TestAfterAnyMessTheFilesAreWhatTheyWereAndTheReportSaysWhatChanged(t *testing.T) {
	for name, m := range messes {
		t.Run(name, func(t *testing.T) { testMess(t, m) })
	}
	for name, m := range map[string]mess{
		"another owner": {func(x *tree) { x.must(os.Chown(x.at("/etc/hosts"), 1, 2)) }, Report{Altered: []string{"/etc/hosts"}}},
		"another owner of what is set-user-ID": {func(x *tree) {
			x.must(os.Chown(x.at("/etc/setuid"), 1, 2))
			x.must(unix.Chmod(x.at("/etc/setuid"), 0o4755))
		},
			Report{Altered: []string{"/etc/setuid"}}},
		"another owner of a link":   {func(x *tree) { x.must(os.Lchown(x.at("/lib"), 1, 2)) }, Report{Altered: []string{"/lib"}}},
		"a directory nobody enters": {func(x *tree) { x.must(os.Chmod(x.at("/etc/kubernetes"), 0)) }, Report{Altered: []string{"/etc/kubernetes"}}},
	} {
		t.Run(name, func(t *testing.T) { asRoot(t); testMess(t, m) })
	}
}

func testMess(t *testing.T, m mess) {
	x := newNode(t)
	before, _ := x.picture()
	image, state := x.copyOf(ofImage...), x.keep()
	m.does(x)
	got := x.rewind(state)
	checkReport(t, got, m.report)
	image(got.Lost)
	after, _ := x.picture()
	x.same(before, after)
	if m.report.reload != (len(x.machine.commands("systemctl daemon-reload")) == 1) {
		t.Errorf("systemd was told %d times of its units", len(x.machine.commands("systemctl daemon-reload")))
	}
	// The time of change of what was put back from the image is another one, so it is put back again.
	again := x.rewind(state)
	checkReport(t, again, Report{Lost: m.report.Lost})
	image(again.Lost)
	after, _ = x.picture()
	x.same(before, after)
}

func TestAFileOfTheImageThatIsTooLargeToBeKeptIsLost(t *testing.T) {
	x := newTree(t)
	x.put("/etc/large.db", strings.Repeat("x", keptMax+1), 0o644)
	x.put("/etc/largest", strings.Repeat("x", keptMax), 0o644)
	x.start()
	state := x.keep()
	x.alter("/etc/large.db", strings.Repeat("y", keptMax+1))
	x.alter("/etc/largest", strings.Repeat("y", keptMax))
	checkReport(t, x.rewind(state), Report{Altered: []string{"/etc/largest"}, Lost: []string{"/etc/large.db"}})
}

func checkReport(t *testing.T, got, want Report) {
	t.Helper()
	got.Steps, got.reload, want.reload = nil, false, false
	for _, r := range []*Report{&got, &want} {
		for _, list := range []*[]string{&r.Altered, &r.Removed, &r.Restored, &r.Lost} {
			slices.Sort(*list)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reported %+v\nwant     %+v", got, want)
	}
}

func TestARewindOfAnotherNodeOrOfACutStateTouchesNothing(t *testing.T) {
	x := newNode(t)
	state := x.keep()
	x.put("/etc/new", "", 0o600)
	before, _ := x.picture()
	x.machine.ran = nil
	other := x.Node
	other.Name = "n2"
	for name, do := range map[string]func() error{
		"another node": func() error { _, err := other.Rewind(t.Context(), bytes.NewReader(state)); return err },
		"cut":          func() error { _, err := x.Rewind(t.Context(), bytes.NewReader(state[:len(state)-1])); return err },
		"nothing":      func() error { _, err := x.Rewind(t.Context(), bytes.NewReader(nil)); return err },
	} {
		if err := do(); !errors.Is(err, ErrState) || strings.Contains(err.Error(), "key") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after, _ := x.picture(); !reflect.DeepEqual(before, after) || len(x.machine.ran) > 0 {
		t.Errorf("it changed something: %q", x.machine.ran)
	}
}

func TestARewindGoesFromKubeletToTheJournalAndSaysWhereItFailed(t *testing.T) {
	x := newNode(t)
	state := x.keep()
	x.runtime.pods = []string{"p1", "p2"}
	x.machine.ran = nil
	report := x.rewind(state)
	if report.Pods != 2 || len(x.runtime.pods) > 0 {
		t.Errorf("%d pods were removed, %q are left", report.Pods, x.runtime.pods)
	}
	var names []string
	for _, s := range report.Steps {
		names = append(names, s.Name)
	}
	if got := strings.Join(names, ", "); got != "stop kubelet, remove pods, stop units, kill strays, unmount, files, units, network, images, journal" {
		t.Errorf("steps %s", got)
	}
	if first, last := x.machine.ran[0], x.machine.ran[len(x.machine.ran)-1]; first != "systemctl stop kubelet.service" || !strings.HasPrefix(last, "journalctl ") {
		t.Errorf("from %q to %q", first, last)
	}
	for line, step := range map[string]string{
		"systemctl stop kubelet.service": "stop kubelet", "iptables-restore": "network", "ip -o link show": "network",
		"journalctl --quiet --rotate --vacuum-time=1us": "journal", "ctr --namespace k8s.io images list": "images",
	} {
		x.machine.fails = map[string]error{line: errors.New("no")}
		if got, err := x.Rewind(t.Context(), bytes.NewReader(state)); err == nil || !strings.HasPrefix(err.Error(), step+": ") || got.Steps[len(got.Steps)-1].Name != step {
			t.Errorf("%s failed: %v, %+v", line, err, got.Steps)
		}
	}
}

func TestPodsThatCannotBeRemovedAreAnErrorAfterOneRestartOfTheRuntime(t *testing.T) {
	const restart = "systemctl restart containerd.service"
	x := newNode(t)
	x.runtime.pods, x.runtime.broken = []string{"p1"}, 1
	var report Report
	if err := x.removePods(t.Context(), &report); err != nil || report.Pods != 1 || len(x.machine.commands(restart)) != 1 || len(report.Units) != 1 {
		t.Errorf("%v, %+v, %q", err, report, x.machine.ran)
	}
	x.runtime.pods, x.runtime.stopFail = []string{"p2"}, errors.New("it hangs")
	if err := x.removePods(t.Context(), &report); err == nil || !strings.Contains(err.Error(), "pod-p2") || len(x.machine.commands(restart)) != 2 {
		t.Errorf("%v, %q", err, x.machine.ran)
	}
	x.machine.fails[restart] = errors.New("no")
	if err := x.removePods(t.Context(), &report); err == nil || !strings.Contains(err.Error(), "pod-p2") || !strings.Contains(err.Error(), "restarted") {
		t.Errorf("%v", err)
	}
}

func TestAWholeNodeIsKeptOrNothing(t *testing.T) {
	for _, line := range []string{"ip -o link show", "ip6tables-save", "nft list tables", "ctr --namespace k8s.io images list"} {
		x := newNode(t)
		x.machine.fails[line] = errors.New("no")
		if err := x.Keep(t.Context(), io.Discard); err == nil {
			t.Errorf("kept although %s fails", line)
		}
	}
	x := newNode(t)
	if err := x.Keep(t.Context(), brokenPipe{}); err == nil {
		t.Error("kept into nothing")
	}
	if err := os.Remove(filepath.Join(x.Root, "proc/self/mountinfo")); err != nil {
		t.Fatal(err)
	}
	if err := x.Keep(t.Context(), io.Discard); err == nil {
		t.Error("kept without mount points")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
