package nodestate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"
)

// Node is the node that the program runs in.
type Node struct {
	Name  string
	Root  string // "/", or a test's directory
	Clock clockwork.Clock

	on machine // a test's; nil: the one that the program runs on
}

// machine is what a node asks of its programs and its kernel, beside files.
type machine interface {
	run(ctx context.Context, stdin io.Reader, argv ...string) (string, error)
	kill(pid int, signal unix.Signal) error
	unmount(path string) error
}

// run runs a command of the node and returns its standard output.
func (n Node) run(ctx context.Context, stdin io.Reader, argv ...string) (string, error) {
	return n.machine().run(ctx, stdin, argv...)
}

func (n Node) machine() machine {
	if n.on == nil {
		return here{}
	}
	return n.on
}

// here is the machine that the program runs on.
type here struct{}

func (here) run(ctx context.Context, stdin io.Reader, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, failed bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &failed
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(failed.String()))
	}
	return out.String(), nil
}

func (here) kill(pid int, signal unix.Signal) error { return unix.Kill(pid, signal) }
func (here) unmount(path string) error              { return unix.Unmount(path, unix.MNT_DETACH) }
