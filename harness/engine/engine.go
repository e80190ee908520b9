// Package engine finds a container engine that can run kind's nodes, or brings one up.
package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Engine is a container engine that answers.
type Engine struct {
	Name string // docker or podman
	Bin  string // path of its command
	Host string // value of DOCKER_HOST or CONTAINER_HOST; empty means the command's own default
	Own  bool   // started by nov30
}

// String names the engine and where it is.
func (e *Engine) String() string { return strings.TrimSpace(e.Name + " " + e.Host) }

// CommandError is an engine command that failed.
type CommandError struct {
	Argv           []string
	Stdout, Stderr []byte
	Err            error
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("%s: %v: %s", strings.Join(e.Argv, " "), e.Err, strings.TrimSpace(string(e.Stderr)))
}

func (e *CommandError) Unwrap() error { return e.Err }

// Env is the environment in which the engine's command, and kind, find this engine.
func (e *Engine) Env() []string {
	if e.Host == "" {
		return nil
	}
	if e.Name == "podman" {
		return []string{"CONTAINER_HOST=" + e.Host}
	}
	return []string{"DOCKER_HOST=" + e.Host}
}

// Command prepares an engine command.
func (e *Engine) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, e.Bin, args...)
	cmd.Env = append(os.Environ(), e.Env()...)
	cmd.WaitDelay = 5 * time.Second // a child of the command may hold its output open after it was killed
	return cmd
}

// Run runs an engine command and returns its standard output. A failure is a *CommandError.
func (e *Engine) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := e.Command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return out.Bytes(), &CommandError{Argv: append([]string{e.Bin}, args...), Stdout: out.Bytes(), Stderr: errs.Bytes(), Err: err}
	}
	return out.Bytes(), nil
}
