package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// Command answers one program of a node. A non-nil error becomes an *node.ExecError with that output.
type Command func(ctx context.Context, stdin []byte, argv []string) ([]byte, error)

// Node is a directory that is taken for a node's root. Every absolute path among the arguments is looked up below it.
type Node struct {
	Running  bool
	Commands map[string]Command // programs answered by the test, by name
	// Intercept, when set, stands between Exec and the command: it may run it, lie, or fail.
	Intercept func(argv []string, run func() ([]byte, error)) ([]byte, error)
	Calls     [][]string // every argv so far
	name      string
	role      node.Role
	root, bin string
}

// programs run for real; nothing else of the host can be reached, not even from within sh.
var programs = [...]string{"sh", "cat", "chmod", "chown", "mkdir", "mv", "rm", "sha256sum", "stat", "sync"}

func newNode(t testing.TB, name string, role node.Role) *Node {
	n := &Node{name: name, role: role, root: t.TempDir(), bin: t.TempDir(), Commands: map[string]Command{}}
	for _, p := range programs {
		host, err := exec.LookPath(p)
		must(err)
		must(os.Symlink(host, filepath.Join(n.bin, p)))
	}
	return n
}

// Name implements node.Node.
func (n *Node) Name() string { return n.name }

// Role implements node.Node.
func (n *Node) Role() node.Role { return n.role }

// Host is where a path of the node lies on the host, always below the node's root.
func (n *Node) Host(path string) string { return filepath.Join(n.root, filepath.Clean("/"+path)) }

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
	if !slices.Contains(programs[:], argv[0]) {
		return n.failed(argv, nil, []byte(argv[0]+": not found"), errors.New("exit status 127"))
	}
	return n.onHost(ctx, stdin, argv)
}

// hostPath finds absolute paths in a script, which would leave the node's directory.
var hostPath = regexp.MustCompile(`(^|[\s"'=<>;(])/\w`)

func (n *Node) onHost(ctx context.Context, stdin io.Reader, argv []string) ([]byte, error) {
	mapped := make([]string, len(argv)-1)
	for i, a := range argv[1:] {
		if strings.HasPrefix(a, "/") {
			a = n.Host(a)
		} else if hostPath.MatchString(strings.ReplaceAll(a, "/dev/null", "")) {
			panic(fmt.Sprintf("a script names a path of its own, the test would touch the host: %q", a))
		}
		mapped[i] = a
	}
	cmd := exec.CommandContext(ctx, filepath.Join(n.bin, argv[0]), mapped...)
	cmd.Env, cmd.Dir, cmd.Stdin = []string{"PATH=" + n.bin}, n.root, stdin
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return n.failed(argv, out.Bytes(), errs.Bytes(), err)
	}
	return out.Bytes(), nil
}

func (n *Node) failed(argv []string, stdout, stderr []byte, err error) ([]byte, error) {
	return stdout, &node.ExecError{Node: n.name, Argv: argv, Stdout: stdout, Stderr: stderr, Err: err}
}
