package engine

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// processes are the process ids of one daemon.
type processes struct {
	dockerd, containerd []int
	shims               map[string]int // containerd's, by container id; they survive both daemons
	foreign             []int          // other daemons called dockerd in this network namespace
}

// processes looks for the daemon in /proc by what only its own processes have on their command line. A pid file alone
// proves nothing: after a crash its number may belong to any process. A zombie has no command line and is not listed.
func (m machine) processes(d daemon) processes {
	found := processes{shims: map[string]int{}}
	entries, err := fs.ReadDir(m.files, "proc")
	if err != nil {
		return found // without /proc there is nothing to end either
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := m.read("/proc/" + e.Name() + "/cmdline")
		if err != nil || text == "" {
			continue
		}
		argv := strings.Split(strings.TrimRight(text, "\x00"), "\x00")
		switch name := filepath.Base(argv[0]); {
		case name == "dockerd" && value(argv, "--data-root") == d.data:
			found.dockerd = append(found.dockerd, pid)
		case name == "dockerd" && m.sameNetwork(pid):
			found.foreign = append(found.foreign, pid)
		case name == "containerd" && value(argv, "--config") == d.containerd.config:
			found.containerd = append(found.containerd, pid)
		case strings.HasPrefix(name, "containerd-shim") && value(argv, "-address") == d.containerd.socket:
			found.shims[value(argv, "-id")] = pid
		}
	}
	return found
}

// value is the argument that follows the flag, or empty.
func value(argv []string, flag string) string {
	i := slices.Index(argv, flag)
	if i < 0 || i+1 >= len(argv) {
		return ""
	}
	return argv[i+1]
}

// sameNetwork reports whether a process shares this one's network namespace; what cannot be read counts as shared.
func (m machine) sameNetwork(pid int) bool {
	ours, err := fs.ReadLink(m.files, "proc/self/ns/net")
	if err != nil {
		return true
	}
	theirs, err := fs.ReadLink(m.files, "proc/"+strconv.Itoa(pid)+"/ns/net")
	return err != nil || theirs == ours
}
