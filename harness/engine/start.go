package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// startTime bounds how long each of the two daemons may take until it answers. A dockerd that finds containers of a
// killed one running gives each ten seconds to end, all at once, before it answers.
const startTime = 90 * time.Second

// ensureOwn makes nov30's own daemon answer, with the runtime and the configuration that this program would give it.
func (m machine) ensureOwn(ctx context.Context, progress func(string)) (*Engine, error) {
	d, err := m.own()
	if err != nil {
		return nil, err
	}
	if err := d.fits(); err != nil {
		return nil, err
	}
	bin, err := m.look(Docker)
	if err != nil {
		return nil, errors.New("the command docker is not installed")
	}
	unlock, err := m.lock(ctx, d.lock)
	if err != nil {
		return nil, err
	}
	defer unlock()
	wrapper, err := m.wrapper(ctx, d)
	if err != nil {
		return nil, err
	}
	if err := m.survivor(ctx, d, progress); err == nil {
		return d.engine(bin), m.refresh(ctx, d, wrapper)
	}
	progress("starting nov30's own container daemon in " + d.dir)
	if err := m.start(ctx, d, wrapper); err != nil {
		return nil, err
	}
	e := d.engine(bin)
	_, err = m.probe(ctx, e) // once per start: what the daemon runs with does not change while it lives
	return e, err
}

// survivor finds a daemon that answers, or one that another nov30 began to start before it was killed.
func (m machine) survivor(ctx context.Context, d daemon, progress func(string)) error {
	err := m.ping(ctx, d.socket)
	if err == nil || len(m.processes(d).dockerd) == 0 {
		return err
	}
	progress(fmt.Sprintf("nov30's own container daemon runs but does not answer: waiting up to %v", startTime/2))
	return m.until(ctx, startTime/2, nil, func(ctx context.Context) error { return m.ping(ctx, d.socket) })
}

// start clears what an earlier daemon left and starts containerd and dockerd. When either does not answer in time both
// are ended again.
func (m machine) start(ctx context.Context, d daemon, wrapper string) (err error) {
	if err := m.clear(ctx, d); err != nil {
		return err
	}
	n, err := m.bridge(ctx, d)
	if err != nil {
		return err
	}
	if err := m.configure(d, n, wrapper); err != nil {
		return err
	}
	if err := m.open(ctx, n); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.end(context.WithoutCancel(ctx), d))
		}
	}()
	c := d.containerd
	err = m.launch(ctx, "containerd", c.log, []string{"--config", c.config}, func(ctx context.Context) error {
		return m.connect(ctx, c.socket)
	})
	if err != nil {
		return err
	}
	// The data root is on the command line so that the process can be told from any other dockerd.
	return m.launch(ctx, "dockerd", d.log, []string{"--config-file", d.config, "--data-root", d.data}, func(ctx context.Context) error {
		return m.ping(ctx, d.socket)
	})
}

func (m machine) launch(ctx context.Context, name, log string, args []string, ready func(context.Context) error) error {
	bin, err := m.look(name)
	if err != nil {
		return fmt.Errorf("the command %s is not installed", name)
	}
	_, ended, err := m.spawn(append([]string{bin}, args...), log)
	if err != nil {
		return err
	}
	if err := m.until(ctx, startTime, ended, ready); err != nil {
		return fmt.Errorf("%s does not answer: %w; the end of %s:\n%s", name, err, log, lastLines(log, 12))
	}
	return nil
}

// lastLines is the end of a log, for an error text.
func lastLines(log string, n int) string {
	b, err := os.ReadFile(log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// refresh gives a running daemon a runtime that was built since it started; dockerd reads its runtimes again on SIGHUP.
func (m machine) refresh(ctx context.Context, d daemon, wrapper string) error {
	changed, err := m.swapRuntime(d, wrapper)
	if err != nil || !changed {
		return err
	}
	for _, p := range m.processes(d).dockerd {
		if err := m.signal(p, syscall.SIGHUP); err != nil {
			return fmt.Errorf("reload dockerd %d: %w", p, err)
		}
	}
	return ctx.Err()
}
