package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// containers are the ids of the daemon's containers, read from its data root: dockerd need not run.
func (m machine) containers(d daemon) []string {
	entries, err := fs.ReadDir(m.files, path(filepath.Join(d.data, "containers")))
	if err != nil {
		return nil // there are none before the first one is made
	}
	var ids []string
	for _, e := range entries {
		if len(e.Name()) == 64 { // the hexadecimal SHA-256 that dockerd names a container by
			ids = append(ids, e.Name())
		}
	}
	return ids
}

// endContainers kills the processes of containers, then their shims, and removes their control groups. It is for
// containers that no daemon looks after.
func (m machine) endContainers(ctx context.Context, d daemon, ids []string) error {
	alive := func() []int {
		pids := m.inside(ids)
		for id, pid := range m.processes(d).shims {
			if slices.Contains(ids, id) {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	err := m.until(ctx, killTime, nil, func(context.Context) error { // again and again: they may fork meanwhile
		pids := alive()
		for _, pid := range pids {
			if err := m.signal(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %d: %w", pid, err)
			}
		}
		if len(pids) > 0 {
			return fmt.Errorf("still running: %v", pids)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("containers of an earlier daemon: %w", err)
	}
	return m.removeGroups(ids)
}

// inside returns the processes whose control group is that of one of the containers, or below it (proc_pid_cgroup(5)).
func (m machine) inside(ids []string) []int {
	entries, err := fs.ReadDir(m.files, "proc")
	if err != nil || len(ids) == 0 {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		groups, err := m.read("/proc/" + e.Name() + "/cgroup")
		if err != nil {
			continue // it has just ended
		}
		if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(groups, id) }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// removeGroups removes the control groups of dead containers, which runc would have removed: of each hierarchy in
// version 1, of the one in version 2, as dockerd's two drivers name them.
func (m machine) removeGroups(ids []string) error {
	var failed []error
	for _, id := range ids {
		for _, pattern := range []string{"docker/" + id, "*/docker/" + id, "system.slice/docker-" + id + ".scope",
			"*/system.slice/docker-" + id + ".scope"} {
			tops, err := fs.Glob(m.files, "sys/fs/cgroup/"+pattern)
			failed = append(failed, err)
			for _, top := range tops {
				failed = append(failed, m.removeGroup(top))
			}
		}
	}
	return errors.Join(failed...)
}

func (m machine) removeGroup(top string) error {
	var dirs []string
	err := fs.WalkDir(m.files, top, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, p)
		}
		return nil // a group that vanishes meanwhile is what is wanted
	})
	if err != nil {
		return err
	}
	for _, dir := range slices.Backward(dirs) { // the children first
		if err := m.rmdir("/" + dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove control group: %w", err)
		}
	}
	return nil
}
