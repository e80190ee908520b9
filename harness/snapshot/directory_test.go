package snapshot

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// dirNode is a node whose root is a directory of the host. The programs of the node's script run for real, with nothing
// else in reach; systemctl answers what the test says and openssl is sha256sum.
type dirNode struct {
	t         testing.TB
	root, bin string
	units     string
	out       func([]byte) []byte // changes what the node answers; may be nil
	err       error
}

const oneUnit = "Id=kubelet.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"

func newDirectory(t testing.TB) *dirNode {
	d := &dirNode{t: t, root: t.TempDir(), bin: t.TempDir(), units: oneUnit}
	for _, p := range []string{"sh", "cat", "find", "stat", "tar", "sha256sum"} {
		host, err := exec.LookPath(p)
		if err != nil {
			t.Fatal(err)
		}
		d.must(os.Symlink(host, filepath.Join(d.bin, p)))
	}
	d.must(os.WriteFile(filepath.Join(d.bin, "systemctl"), []byte("#!/bin/sh\ncat \"$UNITS\"\n"), 0o755))
	d.must(os.WriteFile(filepath.Join(d.bin, "openssl"), []byte("#!/bin/sh\nexec sha256sum\n"), 0o755))
	return d
}

func (d *dirNode) Name() string    { return "n" }
func (d *dirNode) Role() node.Role { return node.ControlPlane }

func (d *dirNode) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	if d.err != nil {
		return nil, &node.ExecError{Node: "n", Argv: argv, Err: d.err, Stdout: []byte("canary")}
	}
	units := filepath.Join(d.bin, "units")
	d.must(os.WriteFile(units, []byte(d.units), 0o600))
	argv = slices.Clone(argv)
	if i := slices.Index(argv, "/"); i >= 0 {
		argv[i] = d.root
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, argv[0]), argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdin = []string{"PATH=" + d.bin, "UNITS=" + units}, d.root, stdin
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), &node.ExecError{Node: "n", Argv: argv, Stdout: out.Bytes(), Stderr: errs.Bytes(), Err: err}
	}
	if d.out != nil {
		return d.out(out.Bytes()), nil
	}
	return out.Bytes(), nil
}

func (d *dirNode) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *dirNode) host(name string) string { return filepath.Join(d.root, name) }

func (d *dirNode) put(name, content string, mode os.FileMode) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.host(name)), 0o755))
	d.must(os.WriteFile(d.host(name), []byte(content), mode))
	d.must(os.Chmod(d.host(name), mode))
}

// edit replaces a text in a file that must hold it.
func (d *dirNode) edit(name, old, new string) {
	d.t.Helper()
	content, err := os.ReadFile(d.host(name))
	d.must(err)
	if !strings.Contains(string(content), old) {
		d.t.Fatalf("%s does not hold %q", name, old)
	}
	d.must(os.WriteFile(d.host(name), []byte(strings.Replace(string(content), old, new, 1)), 0o600))
}

func (d *dirNode) link(name, target string) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.host(name)), 0o755))
	if err := os.Remove(d.host(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	d.must(os.Symlink(target, d.host(name)))
}

func (d *dirNode) take() Snapshot {
	d.t.Helper()
	items, err := takeNode(d.t.Context(), d)
	d.must(err)
	return Snapshot{items}
}

// oneNode is a cluster of one directory.
type oneNode struct {
	*dirNode
	kubeconfig string
}

func (c oneNode) Name() string                                              { return "c" }
func (c oneNode) Kubeconfig() string                                        { return c.kubeconfig }
func (c oneNode) StopNode(context.Context, string) error                    { return nil }
func (c oneNode) StartNode(context.Context, string) error                   { return nil }
func (c oneNode) Address(context.Context, string) (a netip.Addr, err error) { return a, nil }
func (c oneNode) Nodes() []node.Node {
	if c.dirNode == nil {
		return nil
	}
	return []node.Node{c.dirNode}
}
