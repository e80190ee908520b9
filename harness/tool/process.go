package tool

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"
)

// stopGrace is what a process group gets between SIGTERM and SIGKILL.
const stopGrace = 3 * time.Second

// process is a command in a process group of its own. When its leader ends, by itself or not, what it left in the group
// is killed. Only groups that were made here are ever signalled: the leader is reaped last, and until then the kernel
// gives its number, which is the group's, to nobody else.
//
//	running ──leader ends──▶ rest of the group killed ──▶ leader reaped, done closed
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the group is gone
	err  error         // of the leader; set before done is closed

	mu     sync.Mutex
	reaped bool
}

// start starts cmd. Its standard streams must be files: anything else would be copied by goroutines that outlive it.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	// The kernel kills the leader when this process dies, however it dies: a tool must not go on repairing alone.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	started := make(chan error)
	go func() {
		// That signal is tied to the thread that starts the child (prctl(2), PR_SET_PDEATHSIG): it must live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.supervise()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// supervise waits for the leader without reaping it, kills the rest of the group, and then reaps.
func (p *process) supervise() {
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, &unix.Siginfo{}, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.mu.Lock()
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	p.err = p.cmd.Wait()
	p.reaped = true
	p.mu.Unlock()
	close(p.done)
}

// signal reaches the whole group, and nobody once it is gone.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.cmd.Process.Pid, s)
	}
}

// stop ends the group: SIGTERM, and SIGKILL when it has not gone after stopGrace, which the error says.
func (p *process) stop(clock clockwork.Clock) error {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-clock.After(stopGrace):
	}
	p.signal(syscall.SIGKILL)
	select {
	case <-p.done:
		return fmt.Errorf("it ignored SIGTERM for %v and was killed", stopGrace)
	case <-clock.After(stopGrace):
		return fmt.Errorf("process group %d is still there %v after SIGKILL", p.cmd.Process.Pid, stopGrace)
	}
}
