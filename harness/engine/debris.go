package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bootID changes with every boot of the machine.
const bootID = "/proc/sys/kernel/random/boot_id"

// clear removes what a daemon that was killed, or a machine that was reset, leaves: half-dead daemons, pid files that
// name other processes, sockets nobody listens on, processes of containers whose shim is dead (nobody else would end
// them, and they hold their addresses), and, when no shim lives any more, mounts and the state of running containers.
// With living shims that state is kept: the new dockerd ends those containers in order.
func (m machine) clear(ctx context.Context, d daemon) error {
	if err := m.end(ctx, d); err != nil {
		return err
	}
	stale := []string{d.pid, d.socket, d.containerd.socket, d.containerd.socket + ".ttrpc",
		filepath.Join(d.exec, "metrics.sock")}
	for _, path := range stale {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	shims := m.processes(d).shims
	dead := slices.DeleteFunc(m.containers(d), func(id string) bool { return shims[id] != 0 })
	if err := m.endContainers(ctx, d, dead); err != nil {
		return err
	}
	if len(shims) > 0 {
		return nil
	}
	if err := m.unmountBelow(d); err != nil {
		return err
	}
	for _, dir := range []string{d.exec, d.containerd.state} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("what an earlier daemon left cannot be removed: %w", err)
		}
	}
	return nil
}

// unmountBelow detaches every mount under the daemon's directory, the deepest first.
func (m machine) unmountBelow(d daemon) error {
	table, err := m.read("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var failed []error
	for _, point := range mountsBelow(table, d.dir) {
		if err := m.unmount(point); err != nil {
			failed = append(failed, fmt.Errorf("unmount %s: %w", point, err))
		}
	}
	return errors.Join(failed...)
}

// mountsBelow returns the mount points under dir in the text of /proc/PID/mountinfo (proc(5)), the newest first, which
// is the order in which they can be unmounted.
func mountsBelow(table, dir string) []string {
	escapes := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := escapes.Replace(fields[4])
		if strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	slices.Reverse(points)
	return points
}
