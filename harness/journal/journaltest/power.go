package journaltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// powerWithin is how long a machine may take to boot or to end, on a host that has other things to do.
const powerWithin = 30 * time.Second

var errBoots = errors.New("it has not booted")

// PID is the node's process; 0 when it is off. The kernel says so: it drops the lock with the process.
func (m *Machine) PID() (int, error) {
	f, err := os.OpenFile(filepath.Join(m.home, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil || l.Type == unix.F_UNLCK {
		return 0, err
	}
	return int(l.Pid), nil
}

// booted gives what the node's present process says of itself.
func (m *Machine) booted() (process, error) {
	var p process
	err := readJSON(filepath.Join(m.home, processFile), &p)
	if err != nil {
		return p, fmt.Errorf("%w: %w", errBoots, err)
	}
	pid, err := m.PID()
	if err == nil && (pid == 0 || pid != p.PID) {
		err = errBoots
	}
	return p, err
}

func (m *Machine) start(ctx context.Context) error {
	pid, err := m.PID()
	if err == nil && pid == 0 {
		err = m.spawn()
	}
	if err != nil {
		return err
	}
	err = waitFor(ctx, powerWithin, func(context.Context) error { _, err := m.booted(); return err })
	if err != nil {
		log, readErr := os.ReadFile(filepath.Join(m.home, logFile))
		return errors.Join(fmt.Errorf("start %s: %w: %s", m.name, err, log), readErr)
	}
	return nil
}

// spawn starts the process in a session of its own. Should another one start at the same moment, one of them ends.
func (m *Machine) spawn() error {
	log, err := os.OpenFile(filepath.Join(m.home, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append([]string{machineVariable + "=" + m.home}, m.env...), log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // whether it runs is what the lock says
	return nil
}

func (m *Machine) stop(ctx context.Context) error {
	pid, err := m.PID()
	if err != nil || pid == 0 {
		return err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, err := m.PID(); err != nil || now != pid { // ended meanwhile: its number may be another's
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop %s: %w", m.name, err)
	}
	return waitFor(ctx, powerWithin, func(context.Context) error {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		if err == nil && n == 0 {
			err = fmt.Errorf("%s: process %d outlived SIGKILL", m.name, pid)
		}
		return err
	})
}
