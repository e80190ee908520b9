package nodestate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is one process of the node, pods' included.
type process struct {
	pid     int
	name    string // of its program, 15 bytes at most
	state   byte   // R, S, D, T, Z, …
	command []string
	cgroup  string // its place below systemd's: /system.slice/dbus.service
}

// processes lists the processes of the node except this one.
func (n Node) processes() ([]process, error) {
	entries, err := os.ReadDir(filepath.Join(n.Root, "proc"))
	if err != nil {
		return nil, err
	}
	var all []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := n.process(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (n Node) process(pid int) (process, error) {
	dir := filepath.Join(n.Root, "proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return process{}, err
	}
	open, shut := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	if open < 0 || shut < open || len(stat) < shut+3 {
		return process{}, fmt.Errorf("%s/stat: %.80q", dir, stat)
	}
	command, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return process{}, err
	}
	groups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return process{}, err
	}
	return process{pid: pid, name: string(stat[open+1 : shut]), state: stat[shut+2], cgroup: cgroupOf(string(groups)),
		command: strings.Split(strings.TrimRight(string(command), "\x00"), "\x00")}, nil
}

// cgroupOf is the place in systemd's tree: of version 1 the hierarchy named systemd, of version 2 the only one.
func cgroupOf(text string) string {
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 && (fields[1] == "name=systemd" || fields[0] == "0" && fields[1] == "") {
			return fields[2]
		}
	}
	return ""
}

// inPod says whether a process belongs to a pod.
func (p process) inPod() bool { return strings.Contains(p.cgroup, "kubepods") }

// unit is the unit that a process belongs to, empty for one that somebody started beside all units.
func (p process) unit() string {
	if p.pid == 1 {
		return "init"
	}
	if strings.HasPrefix(p.name, "containerd-shim") || !strings.HasPrefix(p.cgroup, "/system.slice/") {
		return ""
	}
	return strings.SplitN(strings.TrimPrefix(p.cgroup, "/system.slice/"), "/", 2)[0]
}

// killStrays kills every process that is no unit's. The pods are gone by now.
func (n Node) killStrays(report *Report) error {
	all, err := n.processes()
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.unit() != "" || p.state == 'Z' {
			continue
		}
		if err := n.machine().kill(p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("kill %s: %w", p.name, err)
		}
		if !p.inPod() && !strings.HasPrefix(p.name, "containerd-shim") {
			report.Killed = append(report.Killed, p.name)
		}
	}
	return nil
}

// leaders are the components that hold a lease, by the names of their processes.
var leaders = map[string]string{"kube-controller": "kube-controller-manager", "kube-scheduler": "kube-scheduler"}

// freeze stops what must stand still while the state is kept, and returns what lets it go on again.
func (n Node) freeze(ctx context.Context) (thaw func(), err error) {
	all, err := n.processes()
	if err != nil {
		return nil, err
	}
	var stopped []int
	thaw = func() {
		for _, pid := range slices.Backward(stopped) {
			_ = n.machine().kill(pid, unix.SIGCONT) // it can only have ended, and then there is nothing to go on
		}
	}
	stop := func(p process) error {
		stopped = append(stopped, p.pid)
		return n.machine().kill(p.pid, unix.SIGSTOP)
	}
	var leases []string
	var etcd []process
	for _, p := range all {
		switch {
		case !p.inPod():
		case p.name == "etcd":
			etcd = append(etcd, p)
		case leaders[p.name] != "":
			leases = append(leases, leaders[p.name])
			err = errors.Join(err, stop(p))
		}
	}
	if err == nil && len(leases) > 0 {
		err = n.deleteLeases(ctx, leases)
	}
	for _, p := range etcd {
		err = errors.Join(err, stop(p))
	}
	if err != nil {
		thaw()
		return nil, err
	}
	return thaw, nil
}

func (n Node) deleteLeases(ctx context.Context, leases []string) error {
	const cache = "/run/nov30-kubectl" // not in root's home, which is kept
	defer os.RemoveAll(cache)
	_, err := n.run(ctx, nil, append([]string{"kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "--cache-dir=" + cache, "--namespace=kube-system",
		"delete", "--ignore-not-found", "--wait=false", "leases.coordination.k8s.io"}, leases...)...)
	return err
}

// started is when the node was started: what changed later was not changed by its image.
func (n Node) started() (ns int64, err error) {
	const boot = "proc/stat"
	text, err := os.ReadFile(filepath.Join(n.Root, boot))
	if err != nil {
		return 0, err
	}
	var btime int64
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			btime, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", boot, err)
	}
	if btime == 0 {
		return 0, fmt.Errorf("%s says no btime", boot)
	}
	stat, err := os.ReadFile(filepath.Join(n.Root, "proc/1/stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const starttime, perSecond = 22 - 3, 100 // field 22 of proc_pid_stat(5), counted from the third; sysconf(_SC_CLK_TCK)
	if len(fields) <= starttime {
		return 0, fmt.Errorf("proc/1/stat: %.80q", stat)
	}
	ticks, err := strconv.ParseInt(fields[starttime], 10, 64)
	return (btime-1)*1e9 + ticks*(1e9/perSecond), err // btime is rounded
}
