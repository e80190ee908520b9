package tool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

// stopGrace is what a process group gets between SIGTERM and SIGKILL.
const stopGrace = 3 * time.Second

// Run is what a tool is run with.
type Run struct {
	Context string          // path of the context file
	Env     []string        // beside the little that it inherits: how to reach the engine
	Dir     string          // working directory
	Detect  io.Writer       // takes the detector's standard error
	Recover io.Writer       // takes all output of the recover command
	Emit    func(slo.Event) // hears of starts, exits and findings; may be called concurrently
	Clock   clockwork.Clock
}

// Running is a tool whose detector is running.
type Running struct {
	tool     Tool
	run      Run
	detector *exec.Cmd
	exited   chan struct{}
	stopping chan struct{}
	critical chan struct{}
	once     sync.Once
}

// Start starts the detector. That it cannot be started is an event and an error.
func Start(t Tool, r Run) (*Running, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	x := &Running{tool: t, run: r, exited: make(chan struct{}), stopping: make(chan struct{}), critical: make(chan struct{})}
	x.detector = r.command(t.Detect, in, r.Detect)
	err = x.detector.Start()
	in.Close()
	r.Emit(event(slo.DetectStart, err))
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start the detector of %s: %w", t, err)
	}
	go x.follow(out)
	return x, nil
}

// follow turns output into events until the detector is gone.
func (x *Running) follow(out *os.File) {
	defer close(x.exited)
	read := make(chan struct{})
	go func() {
		defer close(read)
		readFindings(out, x.found, func(note string) { x.run.Emit(slo.Event{Kind: slo.Note, OK: true, Detail: note}) })
	}()
	err := x.detector.Wait()
	// A child that was left behind may hold the pipe open for ever; it belongs to the group and goes with it.
	killGroup(x.detector, syscall.SIGKILL)
	select {
	case <-read:
	case <-x.run.Clock.After(stopGrace):
		out.Close()
		<-read
	}
	out.Close()
	select {
	case <-x.stopping: // the harness asked for it
		err = nil
	default:
		if err == nil {
			err = errors.New("the detector ended by itself")
		}
	}
	x.run.Emit(event(slo.DetectExit, err))
}

func (x *Running) found(f slo.ToolFinding) {
	x.run.Emit(slo.Event{Kind: slo.Finding, OK: true, Finding: &f})
	if f.Severity == slo.Critical {
		x.once.Do(func() { close(x.critical) })
	}
}

// FirstCritical is closed at the first critical finding.
func (x *Running) FirstCritical() <-chan struct{} { return x.critical }

// Recover runs the recover command to its end or its deadline; a time-out is an error. What it left running is ended.
func (x *Running) Recover(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := x.run.command(x.tool.Recover, x.run.Recover, x.run.Recover)
	err := cmd.Start()
	x.run.Emit(event(slo.RecoverStart, err))
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	limit := x.tool.Deadlines.Recover.Duration
	select {
	case err = <-done:
		killGroup(cmd, syscall.SIGKILL)
	case <-x.run.Clock.After(limit):
		err = fmt.Errorf("the recover command did not end within %s", limit)
		endGroup(x.run.Clock, cmd, done)
	case <-ctx.Done():
		err = context.Cause(ctx)
		endGroup(x.run.Clock, cmd, done)
	}
	x.run.Emit(event(slo.RecoverExit, err))
	return err
}

// Stop ends the detector: SIGTERM to its process group, SIGKILL when it has not gone. It returns when it is gone.
func (x *Running) Stop() {
	x.once.Do(func() {}) // nothing is critical any more
	close(x.stopping)
	killGroup(x.detector, syscall.SIGTERM)
	select {
	case <-x.exited:
	case <-x.run.Clock.After(stopGrace):
		killGroup(x.detector, syscall.SIGKILL)
		<-x.exited
	}
}

// command prepares a command in a process group of its own. Output goes to files or is copied; WaitDelay keeps a child
// that holds the pipe from blocking.
func (r Run) command(c Command, out, errs io.Writer) *exec.Cmd {
	cmd := exec.Command(c.Exec[0], c.Exec[1:]...)
	cmd.Env = environment(os.Environ(), r.Context, r.Env)
	cmd.Dir = r.Dir
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = stopGrace
	return cmd
}

// endGroup ends a command that overstayed and waits until it is gone.
func endGroup(clock clockwork.Clock, cmd *exec.Cmd, done <-chan error) {
	killGroup(cmd, syscall.SIGTERM)
	select {
	case <-done:
	case <-clock.After(stopGrace):
	}
	killGroup(cmd, syscall.SIGKILL)
	select {
	case <-done:
	case <-clock.After(2 * stopGrace):
	}
}

// killGroup signals the group that command made for itself; only such groups are ever signalled.
func killGroup(cmd *exec.Cmd, s syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, s) }

func event(name string, err error) slo.Event {
	e := slo.Event{Kind: slo.ToolEvent, Name: name, OK: err == nil}
	if err != nil {
		e.Error = err.Error()
	}
	return e
}
