package kill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
)

// limit bounds every wait of the test; a run that needs it has failed.
const limit = time.Minute

// run is a victim that was started, and what its processes say.
type run struct {
	cmd   *exec.Cmd
	lines chan string // closed when the victim and its guardian have ended, however they ended
	steps []string    // read so far
}

// options of a run, zero for the normal one.
type options struct{ guardian, faults, pause string }

func startVictim(h home, o options) (*run, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if o.guardian == "" {
		o.guardian = guardianRole
	}
	x := &run{cmd: exec.Command(self), lines: make(chan string, 1<<16)}
	x.cmd.Env = append(os.Environ(), roleVariable+"="+victimRole, dirVariable+"="+string(h), guardianVariable+"="+o.guardian,
		faultsVariable+"="+o.faults, pauseVariable+"="+o.pause)
	x.cmd.Stderr = w
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := x.cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	go func() {
		defer r.Close()
		defer close(x.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			x.lines <- s.Text()
		}
	}()
	return x, nil
}

// next reads one step; not ok when all have ended.
func (x *run) next(ctx context.Context) (step string, ok bool, err error) {
	select {
	case step, ok = <-x.lines:
		if ok {
			x.steps = append(x.steps, step)
		}
		return step, ok, nil
	case <-ctx.Done():
		return "", false, fmt.Errorf("after %d steps, the last %q: %w", len(x.steps), x.last(), ctx.Err())
	}
}

func (x *run) last() string {
	if len(x.steps) == 0 {
		return "none"
	}
	return x.steps[len(x.steps)-1]
}

// skip reads n steps, or fewer if there are no more.
func (x *run) skip(ctx context.Context, n int) error {
	for range n {
		if _, ok, err := x.next(ctx); err != nil || !ok {
			return err
		}
	}
	return nil
}

// until reads up to a step that begins so.
func (x *run) until(ctx context.Context, prefix string) error {
	for {
		step, ok, err := x.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("ended without the step %q: %q", prefix, x.steps)
		}
		if strings.HasPrefix(step, prefix) {
			return nil
		}
	}
}

// ended reads to the end, which comes when the victim and its guardian have ended, and gives the victim's exit code (-1
// when it was killed).
func (x *run) ended(ctx context.Context) (int, error) {
	for {
		_, ok, err := x.next(ctx)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
	}
	err := x.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return x.cmd.ProcessState.ExitCode(), nil
}

func (x *run) said(step string) bool { return slices.Contains(x.steps, step) }

// broke says whether something was journaled and not yet undone when the victim ended.
func (x *run) broke() bool {
	open := false
	for _, s := range x.steps {
		open = (open || strings.HasPrefix(s, "appended ")) && s != "sealed"
	}
	return open
}

func (x *run) kill() error {
	if err := x.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// pause lets the run go on for a moment.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-clockwork.NewRealClock().After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
