package hoststate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// processes notes the processes that carry one of the run's marks in their arguments or environment, without this one and
// its parents. Of another user's the environment cannot be read, and of one that has ended neither.
func (m Machine) processes(s *State) error {
	dir := filepath.Join(m.Root, "/proc")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := m.ancestors(os.Getpid())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || own[pid] {
			continue
		}
		arguments, _ := os.ReadFile(filepath.Join(dir, e.Name(), "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(dir, e.Name(), "environ"))
		if m.marked(arguments) || m.marked(environment) {
			program, _, _ := bytes.Cut(arguments, []byte{0})
			s.facts[fmt.Sprintf("process %d", pid)] = string(program) // its arguments may hold secrets
		}
	}
	return nil
}

func (m Machine) marked(text []byte) bool {
	for _, mark := range m.Marks {
		if bytes.Contains(text, []byte(mark)) {
			return true
		}
	}
	return false
}

// ancestors are a process and its parents.
func (m Machine) ancestors(pid int) map[int]bool {
	all := map[int]bool{}
	for pid > 0 && !all[pid] {
		all[pid] = true
		text, err := os.ReadFile(filepath.Join(m.Root, "/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			break
		}
		pid = parent(string(text))
	}
	return all
}

// parent is the fourth field of /proc/PID/stat, the second after the program's name, which may hold anything; 0 without one.
func parent(stat string) int {
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(f) < 2 {
		return 0
	}
	pid, err := strconv.Atoi(f[1])
	if err != nil {
		return 0
	}
	return pid
}

// units notes the units of systemd that carry nov30's name or one of the run's marks, where systemd runs.
func (m Machine) units(ctx context.Context, s *State) error {
	if _, err := os.Stat(filepath.Join(m.Root, "/run/systemd/system")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	out, err := m.Run(ctx, "systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) > 0 && (strings.Contains(f[0], "nov30") || m.marked([]byte(f[0]))) {
			s.facts["unit "+f[0]] = "present"
		}
	}
	return nil
}
