package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"strings"
)

// groups are the control groups in which engines put containers, and what is above them as far as it can be seen: a machine
// that is itself a container is limited at its root. One that the engine at hand does not use can only make the answer
// smaller.
func (m machine) groups(at place, controller string) []string {
	below := []string{"", "docker", "system.slice", "machine.slice"}
	if at.rootless {
		user := "user.slice/user-" + strconv.Itoa(m.euid) + ".slice"
		below = []string{"", "user.slice", user, user + "/user@" + strconv.Itoa(m.euid) + ".service"}
	}
	var dirs []string
	for _, b := range below {
		dirs = append(dirs, filepath.Join("/sys/fs/cgroup", b), filepath.Join("/sys/fs/cgroup", controller, b)) // versions 2 and 1
	}
	return dirs
}

// groupMemory is what the groups' memory limits leave, in bytes; page cache that nobody uses counts as free.
func (m machine) groupMemory(at place) (uint64, error) {
	left := uint64(math.MaxUint64)
	for _, dir := range m.groups(at, "memory") {
		for _, f := range [][3]string{{"memory.max", "memory.current", "inactive_file "},
			{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "}} {
			limit, used, err := m.limit(dir, f[0], f[1])
			if err != nil {
				return 0, err
			}
			if limit == unlimited {
				continue
			}
			stat, _ := m.read(dir + "/memory.stat") // without it all that is used counts
			left = min(left, less(limit, less(used, statistic(stat, f[2]))))
		}
	}
	return left, nil
}

// groupTasks is how many processes and threads the groups' limits leave.
func (m machine) groupTasks(at place) (uint64, error) {
	left := uint64(math.MaxUint64)
	for _, dir := range m.groups(at, "pids") {
		limit, used, err := m.limit(dir, "pids.max", "pids.current")
		if err != nil {
			return 0, err
		}
		if limit != unlimited {
			left = min(left, less(limit, used))
		}
	}
	return left, nil
}

// coresOf is how many whole cores the containers may use: the machine's, or what their groups' quota allows. A quota that
// cannot be read, and an engine elsewhere, are 0.
func (m machine) coresOf(at place) int {
	if at.elsewhere != "" {
		return 0
	}
	cores := m.cores
	for _, dir := range m.groups(at, "cpu") {
		text, err := m.read(dir + "/cpu.max")
		if errors.Is(err, fs.ErrNotExist) { // version 1 has a file for each of the two numbers
			var period string
			if text, err = m.read(dir + "/cpu.cfs_quota_us"); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			period, _ = m.read(dir + "/cpu.cfs_period_us")
			text += " " + period
		}
		allowed, limited, bad := quota(text)
		if err != nil || bad != nil {
			return 0
		}
		if limited {
			cores = min(cores, allowed)
		}
	}
	return cores
}

// quota reads "max 100000" and "200000 100000" of cpu.max, whose numbers are microseconds; -1 is version 1's max.
func quota(text string) (cores int, limited bool, err error) {
	f := strings.Fields(text)
	if len(f) > 0 && (f[0] == "max" || f[0] == "-1") {
		return 0, false, nil
	}
	if len(f) != 2 {
		return 0, false, fmt.Errorf("CPU quota %q", text)
	}
	share, err := strconv.ParseUint(f[0], 10, 62)
	period, bad := strconv.ParseUint(f[1], 10, 62)
	if err != nil || bad != nil || period == 0 {
		return 0, false, fmt.Errorf("CPU quota %q", text)
	}
	return int(share / period), true, nil
}

// unlimited is the limit of a group that has none.
const unlimited = math.MaxUint64

// limit reads a group's limit and what is used of it. A group or a limit that does not exist is unlimited.
func (m machine) limit(dir, limitFile, usedFile string) (limit, used uint64, err error) {
	text, err := m.read(dir + "/" + limitFile)
	if errors.Is(err, fs.ErrNotExist) {
		return unlimited, 0, nil
	}
	if err == nil {
		limit, err = groupLimit(text)
	}
	if err != nil || limit == unlimited {
		return limit, 0, err
	}
	if text, err = m.read(dir + "/" + usedFile); err != nil {
		return 0, 0, err
	}
	used, err = strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return limit, used, err
}

// groupLimit reads a limit. Version 1 writes the largest number of pages for none, version 2 "max".
func groupLimit(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return unlimited, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil && n >= 1<<62 {
		n = unlimited
	}
	return n, err
}

// statistic is a number of memory.stat; 0 where it does not have it.
func statistic(stat, name string) uint64 {
	for line := range strings.Lines(stat) {
		if value, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			if err == nil {
				return n
			}
		}
	}
	return 0
}
