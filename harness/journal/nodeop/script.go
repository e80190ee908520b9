package nodeop

import (
	"context"
	"errors"
	"io"

	"github.com/nov30/nov30/harness/node"
)

// Script runs a POSIX shell script in the node with args as $1, $2, …, which are never part of its text. In its errors
// the script is replaced by what it does.
func Script(ctx context.Context, n node.Node, stdin io.Reader, what, script string, args ...string) ([]byte, error) {
	out, err := n.Exec(ctx, stdin, append([]string{"sh", "-c", script, "sh"}, args...)...)
	var failed *node.ExecError
	if errors.As(err, &failed) {
		brief := *failed
		brief.Argv = append([]string{"(" + what + ")"}, args...)
		err = &brief
	}
	return out, err
}
