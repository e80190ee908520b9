package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nov30/nov30/harness/gobuild"
)

// What the reference shape of a cluster, one control plane and one worker, wants of the machine.
const (
	memoryNeeded = clusterMemory + memoryKept // bytes
	memoryWanted = 4 << 30                    // bytes; compiling Kubernetes takes that much
	coresWanted  = 2
	// kind's known issues, "Pod errors due to too many open files".
	watchesWanted   = 524288
	instancesWanted = 512
)

func (m machine) cgroupRow() Row {
	row := Row{Name: "cgroups", Needed: true, Fix: "boot with systemd, or install cgroupfs-mount"}
	table, err := m.read("/proc/self/mountinfo")
	if err != nil {
		row.Status, row.Value = Fail, oneLine(err)
		return row
	}
	version, controllers := cgroups(table)
	if version == "v2" {
		text, err := m.read("/sys/fs/cgroup/cgroup.controllers")
		if err != nil {
			row.Status, row.Value = Fail, oneLine(err)
			return row
		}
		controllers = strings.Fields(text)
	}
	have := map[string]bool{}
	for _, c := range controllers {
		have[c] = true
	}
	var missing []string
	for _, c := range []string{"cpu", "cpuset", "memory", "pids"} {
		if !have[c] {
			missing = append(missing, c)
		}
	}
	switch {
	case version == "":
		row.Status, row.Value = Fail, "none mounted"
	case len(missing) > 0:
		row.Status, row.Value = Fail, fmt.Sprintf("%s, without %s", version, strings.Join(missing, ", "))
		row.Fix = "enable them on the kernel's command line, for example cgroup_enable=memory"
	default:
		row.Status, row.Value, row.Fix = OK, version, ""
	}
	return row
}

// cgroups reads the version, and for version 1 the controllers, from the text of /proc/self/mountinfo.
func cgroups(table string) (version string, controllers []string) {
	hybrid := false
	for line := range strings.Lines(table) {
		mount, super, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(mount), strings.Fields(super)
		if !ok || len(left) < 5 || len(right) < 3 || !strings.HasPrefix(left[4], "/sys/fs/cgroup") {
			continue
		}
		switch {
		case right[0] == "cgroup2" && left[4] == "/sys/fs/cgroup":
			return "v2", nil
		case right[0] == "cgroup2":
			hybrid = true
		case right[0] == "cgroup":
			version = "v1"
			controllers = append(controllers, strings.Split(right[2], ",")...)
		}
	}
	if hybrid && version != "" {
		version = "v1 (hybrid)"
	}
	return version, controllers
}

func (m machine) memoryRow() Row {
	row := Row{Name: "free memory", Needed: true, Fix: "end other programs, or give the machine more memory"}
	text, err := m.read("/proc/meminfo")
	if err != nil {
		row.Status, row.Value = Fail, oneLine(err)
		return row
	}
	free, err := available(text)
	if err != nil {
		row.Status, row.Value = Fail, oneLine(err)
		return row
	}
	row.Value = fmt.Sprintf("%s, %s wanted", size(free), size(memoryWanted))
	switch {
	case free < memoryNeeded:
		row.Status, row.Value = Fail, fmt.Sprintf("%s, %s needed: %s missing", size(free), size(memoryNeeded), size(memoryNeeded-free))
	case free < memoryWanted:
		row.Status = Warn
	default:
		row.Status, row.Fix = OK, ""
	}
	return row
}

// available is MemAvailable of the text of /proc/meminfo, in bytes.
func available(text string) (uint64, error) { return meminfo(text, "MemAvailable") }

// meminfo is a number of the text of /proc/meminfo, in bytes.
func meminfo(text, name string) (uint64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 54)
			if err != nil {
				return 0, fmt.Errorf("/proc/meminfo: %s: %w", name, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no %s", name)
}

func (m machine) coresRow() Row {
	row := Row{Name: "cores", Status: OK, Value: fmt.Sprintf("%d, %d wanted", m.cores, coresWanted)}
	if m.cores < coresWanted {
		row.Status, row.Fix = Warn, "give the machine another core; deadlines are made for two"
	}
	return row
}

func (m machine) goRow(ctx context.Context) Row {
	row := Row{Name: "go command", Needed: true, Fix: "install Go (https://go.dev/doc/install) and put it in PATH"}
	bin, err := gobuild.Find(m.look, m.getenv)
	if err != nil {
		row.Status, row.Value = Fail, "not in PATH: what runs in the nodes is built with it"
		return row
	}
	out, err := m.run(ctx, nil, nil, bin, "version")
	if err != nil {
		row.Status, row.Value = Fail, oneLine(err)
		return row
	}
	row.Status, row.Value, row.Fix = OK, firstLine(string(out)), ""
	return row
}
