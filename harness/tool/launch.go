package tool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// log makes a stream whose beginning goes to w.
func (x *Running) log(of string, w io.Writer) (*stream, error) {
	return newStream(func(r io.Reader) {
		if keep(w, r) {
			x.note(fmt.Sprintf("%s: its log is incomplete; at most %d MiB are kept", of, outputMax>>20))
		}
	})
}

// launch starts one of the tool's commands, isolated where something is to be hidden.
func (x *Running) launch(c Command, stdout, stderr *os.File) (*process, error) {
	cmd := x.command(c)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if x.isolated == nil {
		return start(cmd)
	}
	status, err := x.isolated.wrap(cmd)
	if err != nil {
		return nil, err
	}
	defer status.Close()
	p, err := start(cmd)
	_ = cmd.ExtraFiles[0].Close()
	if err != nil {
		return nil, x.isolated.refused(err)
	}
	if err := x.isolated.ready(status, x.run.Clock); err != nil {
		return nil, errors.Join(err, p.stop(x.run.Clock))
	}
	return p, nil
}

// command prepares one of the tool's commands.
func (x *Running) command(c Command) *exec.Cmd {
	cmd := exec.Command(c.Exec[0], c.Exec[1:]...)
	cmd.Env = environment(os.Environ(), x.private, x.run.Env)
	if cmd.Dir = x.run.Dir; cmd.Dir == "" {
		cmd.Dir = x.private.dir
	}
	return cmd
}
