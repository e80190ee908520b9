package kill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/journal/await"
)

// found is a process of a run.
type found struct {
	pid  int
	what string
}

// carrying are those whose environment holds the run's directory and each of the pairs.
func (h home) carrying(pairs ...string) ([]found, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	var all []found
	for _, path := range paths {
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err == nil && pid != os.Getpid() && h.carries(pid, pairs) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline")) // for people; it may be gone
			all = append(all, found{pid, strings.ReplaceAll(string(line), "\x00", " ")})
		}
	}
	return all, nil
}

func (h home) carries(pid int, pairs []string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || !bytes.Contains(env, []byte("="+string(h))) {
		return false
	}
	have := strings.Split(string(env), "\x00")
	return !slices.ContainsFunc(pairs, func(p string) bool { return !slices.Contains(have, p) })
}

// killRole kills the run's processes of a role.
func (h home) killRole(role string) error {
	victims, err := h.carrying(roleVariable + "=" + role)
	if err != nil {
		return err
	}
	for _, v := range victims {
		if err := h.killOne(v.pid, role); err != nil {
			return err
		}
	}
	return nil
}

func (h home) killOne(pid int, role string) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !h.carries(pid, []string{roleVariable + "=" + role}) { // its number may be another's by now
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// settled waits until the run's only processes are the nodes' (off: none at all).
func (g *ground) settled(ctx context.Context) error {
	return await.Until(ctx, clockwork.NewRealClock(), 20*time.Millisecond, 5*time.Second, func(context.Context) error {
		all, err := g.carrying()
		if err != nil {
			return err
		}
		for _, m := range g.c.Machines() {
			pid, err := m.PID()
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(f found) bool { return f.pid == pid })
		}
		if len(all) > 0 {
			return fmt.Errorf("processes left: %v", all)
		}
		return nil
	})
}

// reap takes the ends of the processes that came to this one when their parent died: those of other sessions, which
// nobody here waits for, and those of the victim's group.
func reap(victim int) error {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	session, err := unix.Getsid(0)
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			return err
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent, group, session, …
		orphan := fields[3] != strconv.Itoa(session) || fields[2] == strconv.Itoa(victim) && pid != victim
		if fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid()) && orphan {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
	return nil
}
