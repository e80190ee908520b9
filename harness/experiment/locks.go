package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/state"
)

// Hold marks a run as alive for as long as this process lives. Release ends it.
func (h Home) Hold(run string) (release func(), err error) {
	if _, err := state.Make(h.runs()); err != nil {
		return nil, err
	}
	path := filepath.Join(h.runs(), run+".lock")
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			return nil, fmt.Errorf("run %s is held by another process: %w", run, err)
		}
		if isStill(f, path) {
			return func() { h.release(run); f.Close() }, nil
		}
		f.Close() // a sweep took it for a dead run's in the moment before it was locked
	}
}

// release ends a run that has undone everything itself. What it could not remove stays noted for a sweep.
func (h Home) release(run string) {
	if h.tidy(run) == nil {
		os.Remove(filepath.Join(h.runs(), run+".lock"))
	}
}

// isStill says whether that path is this open file.
func isStill(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(held, now)
}

// Living lists the runs that a living process holds.
func (h Home) Living() ([]string, error) {
	locks, err := filepath.Glob(filepath.Join(h.runs(), "*.lock"))
	if err != nil {
		return nil, err
	}
	var living []string
	for _, l := range locks {
		run := strings.TrimSuffix(filepath.Base(l), ".lock")
		alive, err := h.Alive(run)
		if err != nil {
			return nil, err
		}
		if alive {
			living = append(living, run)
		}
	}
	return living, nil
}

// sweepWithin is how long one sweep waits for another one to end.
const sweepWithin = 5 * time.Minute

// sweeps makes sure that only one process sweeps at a time: a guardian and the start of the next run would stumble over each
// other's deletions.
func (h Home) sweeps(ctx context.Context, clock clockwork.Clock) (done func(), err error) {
	if _, err := state.Make(h.Dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(h.Dir, "sweep.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := clock.Now().Add(sweepWithin)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || clock.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("another sweep is under way: %w", err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-clock.After(100 * time.Millisecond):
		}
	}
}

// Alive tells whether a living process holds the run.
func (h Home) Alive(run string) (bool, error) {
	f, err := os.Open(filepath.Join(h.runs(), run+".lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// forget removes the lock of a dead run. It takes the lock itself first: a run that begins just now keeps its own.
func (h Home) forget(run string) {
	path := filepath.Join(h.runs(), run+".lock")
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && isStill(f, path) {
		os.Remove(path)
	}
}

// forgetDead removes the locks of runs that are dead, of one run if it is named.
func (h Home) forgetDead(only string) error {
	locks, err := filepath.Glob(filepath.Join(h.runs(), "*.lock"))
	if err != nil {
		return err
	}
	for _, l := range locks {
		run := strings.TrimSuffix(filepath.Base(l), ".lock")
		if only != "" && run != only {
			continue
		}
		alive, err := h.Alive(run)
		if err != nil {
			return err
		}
		if alive {
			continue
		}
		if err := h.tidy(run); err != nil {
			return err
		}
		h.forget(run)
	}
	return nil
}
