// Package transport runs commands in the cluster's nodes. Nothing outside this package knows how a node is reached.
package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Transport runs commands in nodes, as root.
type Transport interface {
	// Exec runs argv in the node of that name and returns its standard output. A command that could not be started,
	// was cut off by ctx or exited non-zero gives an *ExecError; the output until then is returned beside it.
	Exec(ctx context.Context, node string, stdin io.Reader, argv ...string) ([]byte, error)
}

// MaxOutput is how much standard output of one command is taken, in bytes. More is an error.
const MaxOutput = 4 << 20

// ErrTooMuch is a command that printed more than MaxOutput.
var ErrTooMuch = errors.New("the command printed too much")

// ErrNoNode is a node that the transport does not know.
var ErrNoNode = errors.New("no such node in the context file")

// ExecError is a command in a node that failed. It carries no standard output, which may hold what no log should.
type ExecError struct {
	Node   string
	Argv   []string
	Stderr string
	Err    error
}

func (e *ExecError) Error() string {
	msg := fmt.Sprintf("%s: %s: %v", e.Node, brief(e.Argv), e.Err)
	if out := strings.TrimSpace(e.Stderr); out != "" {
		const most = 400
		if len(out) > most {
			out = "…" + out[len(out)-most:]
		}
		msg += ": " + out
	}
	return msg
}

func (e *ExecError) Unwrap() error { return e.Err }

// brief names a command without the text of a script.
func brief(argv []string) string {
	if len(argv) > 2 && argv[0] == "sh" && argv[1] == "-c" {
		argv = append([]string{"sh -c …"}, argv[3:]...)
	}
	return strings.Join(argv, " ")
}
