package journaltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/node"
)

// machineVariable tells a test binary that it is the process of the machine in that directory.
const machineVariable = "NOV30_TEST_MACHINE"

// BeMachine is for the beginning of TestMain: in a machine's process it does not return, otherwise it does nothing.
func BeMachine() {
	home := os.Getenv(machineVariable)
	if home == "" {
		return
	}
	if err := beMachine(home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// beMachine runs until it is killed, or until the test that made the cluster has ended.
func beMachine(home string) error {
	c, err := Open(filepath.Dir(home))
	if err != nil {
		return err
	}
	m, err := c.find(filepath.Base(home))
	if err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(home, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	err = unix.FcntlFlock(lock.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil // the node runs already
	}
	if err != nil {
		return err
	}
	if err := m.boot(); err != nil {
		return err
	}
	return c.awaitKeeper()
}

func (m *Machine) boot() error {
	if err := m.writeStat(); err != nil {
		return err
	}
	p := process{PID: os.Getpid()}
	if m.role == node.ControlPlane {
		var err error
		if p.Client, p.Peer, err = m.serveEtcd(); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(m.home, processFile), p)
}

// statFormat is proc(5)'s stat of process 1 up to field 22, the start time; the program's name is as awkward as allowed.
const statFormat = "1 (a) (b c) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 10 11\n"

// writeStat gives process 1 of the node a later start time than in any boot before.
func (m *Machine) writeStat() error {
	path := m.Host("/proc/1/stat")
	last := 1000
	before, err := os.ReadFile(path)
	if err == nil {
		fields := strings.Fields(string(before))
		last, err = strconv.Atoi(fields[len(fields)-3])
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	beside := filepath.Join(m.home, "stat")
	if err := os.WriteFile(beside, fmt.Appendf(nil, statFormat, last+1), 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

// awaitKeeper returns when the process that made the cluster has ended.
func (c *Processes) awaitKeeper() error {
	var s shape
	if err := readJSON(filepath.Join(c.dir, shapeFile), &s); err != nil {
		return err
	}
	fd, err := unix.PidfdOpen(s.Keeper, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
