package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/gobuild"
)

// machine is everything that this package asks of the computer, so that its tests need neither root nor an engine.
type machine struct {
	goos   string
	euid   int
	cores  int
	files  fs.FS // the root of the file system: only for reading
	clock  clockwork.Clock
	getenv func(string) string
	// look finds a command in PATH, and in the directories of root's commands.
	look func(name string) (string, error)
	// run returns what the command wrote to stdout; a failure is a *CommandError. env is added to the process's own.
	run func(ctx context.Context, env []string, stdin io.Reader, argv ...string) ([]byte, error)
	// spawn starts a daemon that outlives this process, its output going to a file. The channel gives its end.
	spawn func(argv []string, log string) (pid int, ended <-chan error, err error)
	// ping asks the daemon on a unix socket whether it works.
	ping    func(ctx context.Context, socket string) error
	connect func(ctx context.Context, socket string) error
	signal  func(pid int, s syscall.Signal) error
	unmount func(path string) error
	rmdir   func(path string) error
	free    func(path string) (uint64, error) // bytes free for this user
	build   func(ctx context.Context, p gobuild.Program) error
	lock    func(ctx context.Context, path string) (unlock func(), err error)
}

// poll is how often a condition that nothing announces is looked at.
const poll = 50 * time.Millisecond

// until waits for check to return nil. Its last error is part of the error when the time is up.
func (m machine) until(ctx context.Context, limit time.Duration, ended <-chan error, check func(context.Context) error) error {
	deadline := m.clock.After(limit)
	tick := m.clock.NewTicker(poll)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case end := <-ended:
			return fmt.Errorf("it ended: %v", end)
		case <-deadline:
			return fmt.Errorf("not within %v: %w", limit, err)
		case <-tick.Chan():
		}
	}
}

// path turns an absolute path into one of m.files.
func path(absolute string) string {
	p := strings.Trim(filepath.Clean(absolute), "/")
	if p == "" {
		return "."
	}
	return p
}

func (m machine) read(absolute string) (string, error) {
	b, err := fs.ReadFile(m.files, path(absolute))
	return string(b), err
}

func (m machine) exists(absolute string) bool {
	_, err := fs.Stat(m.files, path(absolute))
	return !errors.Is(err, fs.ErrNotExist)
}

func (m machine) root() bool { return m.euid == 0 }
