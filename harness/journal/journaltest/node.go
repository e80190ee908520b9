package journaltest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// Command answers one program of a node. A non-nil error becomes an *node.ExecError with that output.
type Command func(ctx context.Context, stdin []byte, argv []string) ([]byte, error)

// Node is a directory that is taken for a node's root. Every absolute path among the arguments is looked up below it.
type Node struct {
	directory
	Running  bool
	Commands map[string]Command // programs answered by the test, by name
	// Intercept, when set, stands between Exec and the command: it may run it, lie, or fail.
	Intercept func(argv []string, run func() ([]byte, error)) ([]byte, error)
	Calls     [][]string // every argv so far
}

func newNode(t testing.TB, name string, role node.Role) *Node {
	n := &Node{directory: directory{name: name, role: role, root: t.TempDir(), bin: t.TempDir()}, Commands: map[string]Command{}}
	must(link(n.bin))
	return n
}

// Exec implements node.Node.
func (n *Node) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	n.Calls = append(n.Calls, slices.Clone(argv))
	if !n.Running {
		return n.failed(argv, nil, nil, errors.New("the node is not running"))
	}
	run := func() ([]byte, error) { return n.run(ctx, stdin, argv) }
	if n.Intercept != nil {
		return n.Intercept(argv, run)
	}
	return run()
}

func (n *Node) run(ctx context.Context, stdin io.Reader, argv []string) ([]byte, error) {
	if stdin == nil {
		stdin = strings.NewReader("")
	}
	if command, ok := n.Commands[argv[0]]; ok {
		input, err := io.ReadAll(stdin)
		must(err)
		out, err := command(ctx, input, argv)
		if err != nil {
			return n.failed(argv, out, nil, err)
		}
		return out, nil
	}
	return n.onHost(ctx, stdin, argv)
}
