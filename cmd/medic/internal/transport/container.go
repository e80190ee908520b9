package transport

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// Container reaches nodes that are containers, through the engine's own command.
type Container struct {
	engine     target.Engine
	containers map[string]string
}

var _ Transport = (*Container)(nil)

// NewContainer returns a transport to the nodes of t.
func NewContainer(t target.Target) *Container {
	c := &Container{engine: t.Engine, containers: map[string]string{}}
	for _, n := range t.Nodes {
		c.containers[n.Name] = n.Container
	}
	return c
}

// Exec implements Transport.
func (c *Container) Exec(ctx context.Context, node string, stdin io.Reader, argv ...string) ([]byte, error) {
	container, ok := c.containers[node]
	if !ok {
		return nil, &ExecError{Node: node, Argv: argv, Err: ErrNoNode}
	}
	cmd := exec.CommandContext(ctx, c.engine.Command, append([]string{"exec", "-i", container}, argv...)...)
	cmd.Env = append(os.Environ(), c.env()...)
	// A Ctrl-C at the terminal must reach medic alone: a command that changes a node is never cut off half-way by it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	out := &bounded{most: MaxOutput}
	errs := &bounded{most: 64 << 10}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, out, errs
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case out.over:
		err = ErrTooMuch
	}
	if err != nil {
		return out.buf.Bytes(), &ExecError{Node: node, Argv: argv, Stderr: errs.buf.String(), Err: err}
	}
	return out.buf.Bytes(), nil
}

func (c *Container) env() []string {
	if c.engine.Host == "" {
		return nil
	}
	if strings.HasPrefix(filepath.Base(c.engine.Command), "podman") {
		return []string{"CONTAINER_HOST=" + c.engine.Host}
	}
	return []string{"DOCKER_HOST=" + c.engine.Host}
}

// bounded keeps the first bytes written to it and remembers that there were more.
type bounded struct {
	buf  bytes.Buffer
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	keep := p
	if room := b.most - b.buf.Len(); len(keep) > room {
		keep, b.over = keep[:room], true
	}
	b.buf.Write(keep)
	return len(p), nil
}
