package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func (m machine) memoryRoom(at place) Resource {
	r := Resource{Name: memoryName, Unit: "bytes", Each: clusterMemory}
	if at.elsewhere != "" {
		return r.unknown(at.elsewhere)
	}
	text, err := m.read("/proc/meminfo")
	if err != nil {
		return r.unknown(oneLine(err))
	}
	free, err := available(text)
	if err != nil {
		return r.unknown(oneLine(err))
	}
	grouped, err := m.groupMemory(at)
	if err != nil {
		return r.unknown(oneLine(err))
	}
	r.Free = less(min(free, grouped), memoryKept)
	return r.fits()
}

// diskRoom is what is free where the engine keeps images, containers and volumes.
func (m machine) diskRoom(ctx context.Context, e *Engine, at place) Resource {
	r := Resource{Name: diskName, Unit: "bytes", Each: clusterDisk}
	if at.elsewhere != "" {
		return r.unknown(at.elsewhere)
	}
	root, err := m.dataRoot(ctx, e)
	if err != nil {
		return r.unknown(oneLine(err))
	}
	free, err := m.free(root)
	// It may be root's alone: then what is above it tells, which is the same file system nearly always.
	for err != nil && root != "/" && errors.Is(err, os.ErrPermission) {
		root = filepath.Dir(root)
		free, err = m.free(root)
	}
	if err != nil {
		return r.unknown(oneLine(err))
	}
	r.Free = less(free, diskKept)
	return r.fits()
}

// taskRoom is how many more processes and threads there may be: on the whole machine, and in the containers' control groups.
func (m machine) taskRoom(at place) Resource {
	r := Resource{Name: tasksName, Unit: "processes and threads", Each: clusterTasks}
	if at.elsewhere != "" {
		return r.unknown(at.elsewhere)
	}
	text, err := m.read("/proc/loadavg")
	if err != nil {
		return r.unknown(oneLine(err))
	}
	_, used, err := loadavg(text)
	if err != nil {
		return r.unknown(oneLine(err))
	}
	for _, name := range []string{"pid_max", "threads-max"} {
		text, err := m.read("/proc/sys/kernel/" + name)
		if err != nil {
			return r.unknown(oneLine(err))
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(text), 10, 63)
		if err != nil {
			return r.unknown(fmt.Sprintf("kernel.%s: %v", name, err))
		}
		if r.Limit == 0 || limit < r.Limit {
			r.Limit = limit
		}
	}
	grouped, err := m.groupTasks(at)
	if err != nil {
		return r.unknown(oneLine(err))
	}
	r.Used, r.Free = used, less(min(less(r.Limit, used), grouped), tasksKept)
	return r.fits()
}

// loadavg reads the text of /proc/loadavg: the load of the last minute, and how many processes and threads there are.
func loadavg(text string) (load float64, tasks uint64, err error) {
	f := strings.Fields(text)
	if len(f) < 4 {
		return 0, 0, fmt.Errorf("/proc/loadavg has %d of 5 fields", len(f))
	}
	if load, err = strconv.ParseFloat(f[0], 64); err != nil || !(load >= 0 && load < 1e9) {
		return 0, 0, fmt.Errorf("/proc/loadavg: load %q", f[0])
	}
	_, all, _ := strings.Cut(f[3], "/")
	if tasks, err = strconv.ParseUint(all, 10, 32); err != nil {
		return 0, 0, fmt.Errorf("/proc/loadavg: %w", err)
	}
	return load, tasks, nil
}
