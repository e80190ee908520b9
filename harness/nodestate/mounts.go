package nodestate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ofPods are the directories below which everything is a pod's: mounts, volumes, logs, addresses.
var ofPods = []string{"/var/lib/kubelet/pods", "/var/log/pods", "/var/log/containers", "/run/cni-ipam-state", "/var/lib/cni", "/run/netns",
	"/run/containerd/io.containerd.grpc.v1.cri", "/run/containerd/io.containerd.runtime.v2.task"}

// emptied of these are the ones that pods leave something in when they are gone; containerd empties its own.
var emptied = []string{"/var/lib/kubelet/pods", "/var/log/pods", "/var/log/containers", "/run/cni-ipam-state", "/var/lib/cni/results",
	"/var/lib/cni/networks", "/run/netns"}

// mountPoints lists where something is mounted, in the order in which it was.
func (n Node) mountPoints() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(n.Root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	return parseMounts(string(text))
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// parseMounts reads the mount points from the text of /proc/self/mountinfo, proc_pid_mountinfo(5).
func parseMounts(text string) ([]string, error) {
	var points []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || !filepath.IsAbs(fields[4]) {
			return nil, fmt.Errorf("mountinfo: %.120q", line)
		}
		points = append(points, unescape.Replace(fields[4]))
	}
	return points, nil
}

// unmount takes away what was not mounted when the state was kept, and empties the directories that pods leave something in.
func (n Node) unmount(kept []string, report *Report) error {
	now, err := n.mountPoints()
	if err != nil {
		return err
	}
	left := map[string]int{}
	for _, m := range kept {
		left[m]++
	}
	var extra []string
	for _, m := range now {
		if left[m]--; left[m] < 0 || below(m, ofPods) {
			extra = append(extra, m)
		}
	}
	for _, m := range slices.Backward(extra) {
		if err := n.machine().unmount(m); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmount %s: %w", m, err)
		}
		if !below(m, ofPods) {
			report.Unmounted = append(report.Unmounted, m)
		}
	}
	for _, dir := range emptied {
		if err := n.empty(dir); err != nil {
			return err
		}
	}
	return nil
}

// empty removes what is in a directory. One that does not exist is empty.
func (n Node) empty(dir string) error {
	path := filepath.Join(n.Root, dir)
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(path, e.Name())))
	}
	return err
}
