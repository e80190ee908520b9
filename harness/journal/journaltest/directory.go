package journaltest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/nov30/nov30/harness/node"
)

// directory is what is taken for a node's root. Every absolute path among a command's arguments is looked up below it.
type directory struct {
	name      string
	role      node.Role
	root, bin string
	env       []string   // of the commands, beside PATH
	inherit   []*os.File // descriptors that the commands hold while they run
}

// programs run for real; nothing else of the host can be reached, not even from within sh.
var programs = [...]string{"sh", "cat", "chmod", "chown", "mkdir", "mv", "rm", "sha256sum", "stat", "sync"}

// link makes the directory of the programs.
func link(bin string) error {
	for _, p := range programs {
		host, err := exec.LookPath(p)
		if err != nil {
			return err
		}
		if err := os.Symlink(host, filepath.Join(bin, p)); err != nil {
			return err
		}
	}
	return nil
}

// Name implements node.Node.
func (d *directory) Name() string { return d.name }

// Role implements node.Node.
func (d *directory) Role() node.Role { return d.role }

// Host is where a path of the node lies on the host, always below the node's root.
func (d *directory) Host(path string) string { return filepath.Join(d.root, filepath.Clean("/"+path)) }

// Put writes a file into the node as the test prepares it. It panics on failure: the test's ground is missing.
func (d *directory) Put(path string, content []byte, mode os.FileMode) {
	host := d.Host(path)
	must(os.MkdirAll(filepath.Dir(host), 0o755))
	must(os.RemoveAll(host))
	must(os.WriteFile(host, content, mode))
	must(os.Chmod(host, mode)) // whatever the umask is
}

// Content is what a file of the node holds; "" when it is absent.
func (d *directory) Content(path string) string {
	content, err := os.ReadFile(d.Host(path))
	if !os.IsNotExist(err) {
		must(err)
	}
	return string(content)
}

// hostPath finds absolute paths in a script, which would leave the node's directory.
var hostPath = regexp.MustCompile(`(^|[\s"'=<>;(])/\w`)

// onHost runs one of the programs, if it is one.
func (d *directory) onHost(ctx context.Context, stdin io.Reader, argv []string) ([]byte, error) {
	if !slices.Contains(programs[:], argv[0]) {
		return d.failed(argv, nil, []byte(argv[0]+": not found"), fmt.Errorf("exit status 127"))
	}
	mapped := make([]string, len(argv)-1)
	for i, a := range argv[1:] {
		if strings.HasPrefix(a, "/") {
			a = d.Host(a)
		} else if hostPath.MatchString(strings.ReplaceAll(a, "/dev/null", "")) {
			panic(fmt.Sprintf("a script names a path of its own, the test would touch the host: %q", a))
		}
		mapped[i] = a
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, argv[0]), mapped...)
	cmd.Env, cmd.Dir, cmd.Stdin, cmd.ExtraFiles = append([]string{"PATH=" + d.bin}, d.env...), d.root, stdin, d.inherit
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return d.failed(argv, out.Bytes(), errs.Bytes(), err)
	}
	return out.Bytes(), nil
}

func (d *directory) failed(argv []string, stdout, stderr []byte, err error) ([]byte, error) {
	return stdout, &node.ExecError{Node: d.name, Argv: argv, Stdout: stdout, Stderr: stderr, Err: err}
}
