package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// How long a daemon, which first stops its containers, may take to end after SIGTERM, and after SIGKILL.
const (
	termTime = 45 * time.Second
	killTime = 10 * time.Second
)

// Stop ends nov30's own daemon, its containerd and its containers, and removes its mounts, bridges and sockets. Images
// and stopped containers stay on disk. Other daemons are never touched: a process is ended only if its command line holds
// our paths. Without a daemon Stop only tidies up.
func Stop(ctx context.Context) error {
	m := host()
	if err := m.supported(); err != nil {
		return err
	}
	return m.stop(ctx)
}

func (m machine) stop(ctx context.Context) error {
	d, err := m.own()
	if err != nil {
		return err
	}
	unlock, err := m.lock(ctx, d.lock)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(d.config); errors.Is(err, os.ErrNotExist) {
		return nil // never started here
	}
	if err := m.end(ctx, d); err != nil {
		return err
	}
	if err := m.endContainers(ctx, d, m.containers(d)); err != nil {
		return err
	}
	return errors.Join(m.clear(ctx, d), m.tearDown(ctx, d))
}

// end ends the two daemons, dockerd first so that it can stop its containers through containerd.
func (m machine) end(ctx context.Context, d daemon) error {
	err := m.endAll(ctx, "dockerd", func() []int { return m.processes(d).dockerd })
	if err != nil {
		return err
	}
	return m.endAll(ctx, "containerd", func() []int { return m.processes(d).containerd })
}

func (m machine) endAll(ctx context.Context, name string, alive func() []int) error {
	for _, step := range []struct {
		signal syscall.Signal
		limit  time.Duration
	}{{syscall.SIGTERM, termTime}, {syscall.SIGKILL, killTime}} {
		pids := alive()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if err := m.signal(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end %s %d: %w", name, pid, err)
			}
		}
		err := m.gone(ctx, step.limit, alive)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("%s %v does not end, not even by SIGKILL: look at it with: ps -o pid,stat,wchan,args %v", name, alive(), alive())
}

func (m machine) gone(ctx context.Context, limit time.Duration, alive func() []int) error {
	return m.until(ctx, limit, nil, func(context.Context) error {
		if pids := alive(); len(pids) > 0 {
			return fmt.Errorf("still running: %v", pids)
		}
		return nil
	})
}
