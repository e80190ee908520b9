package unit

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"time"

	"github.com/nov30/nov30/harness/node"
)

// Local is the machine that this process runs on, as the node of that name.
func Local(name string) node.Node { return local(name) }

type local string

func (l local) Name() string { return string(l) }

// Role implements node.Node; no inverse asks for it.
func (l local) Role() node.Role { return "" }

// Exec implements node.Node.
func (l local) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	cmd.WaitDelay = time.Second // for a child of the command's that holds its output open
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return out.Bytes(), &node.ExecError{Node: l.Name(), Argv: argv, Stdout: out.Bytes(), Stderr: errs.Bytes(), Err: err}
	}
	return out.Bytes(), nil
}
