package testcluster

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

// Transport runs commands on this machine, each node's file system being a directory.
func (c *Cluster) Transport() transport.Transport { return (*nodes)(c) }

type nodes Cluster

func (n *nodes) Exec(ctx context.Context, node string, stdin io.Reader, argv ...string) ([]byte, error) {
	c := (*Cluster)(n)
	c.busy.Add(1)
	defer c.busy.Add(-1)
	c.Execs.Add(1)
	root := filepath.Join(c.root, node)
	c.mu.Lock()
	gone := c.deaf[node]
	c.mu.Unlock()
	if gone {
		return nil, &transport.ExecError{Node: node, Argv: argv, Err: context.DeadlineExceeded}
	}
	here := make([]string, len(argv))
	for i, a := range argv {
		here[i] = moved(a, root)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin", "in"), here...)
	cmd.Env = []string{"ROOT=" + root, "PATH=" + filepath.Join(root, "bin") + ":" + os.Getenv("PATH")}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	err := cmd.Run()
	c.reconcile()
	text := bytes.ReplaceAll(out.Bytes(), []byte(root), nil)
	if err != nil {
		return text, &transport.ExecError{Node: node, Argv: argv, Stderr: strings.ReplaceAll(errs.String(), root, ""), Err: err}
	}
	return text, nil
}

// moved puts the paths in a command below the node's directory.
func moved(s, root string) string {
	for _, dir := range []string{"/etc/kubernetes", "/var/lib", "/kind/", "/proc/"} {
		s = strings.ReplaceAll(s, dir, root+dir)
	}
	return s
}

// The stand-ins. in runs a command with the node's own programs first in its path.
const (
	inScript      = "#!/bin/sh\nexec \"$@\"\n"
	kubeadmScript = `#!/bin/sh
[ "$1 $2" = "certs renew" ] || exit 64
case $3 in
etcd-*) file=etcd/${3#etcd-};;
*) file=$3;;
esac
echo "$@" >> "$ROOT/kubeadm.log"
cp "$ROOT/renewed/$file.key" "$ROOT/etc/kubernetes/pki/$file.key"
cp "$ROOT/renewed/$file.crt" "$ROOT/etc/kubernetes/pki/$file.crt"
echo "certificate renewed"
`
	systemctlScript = `#!/bin/sh
case $1 in
restart) echo x >> "$ROOT/restarts";;
is-active) echo active;;
esac
`
	pkillScript = "#!/bin/sh\necho \"$@\" >> \"$ROOT/killed\"\n"
)

func (c *Cluster) stubs() {
	for _, n := range c.Target.Nodes {
		c.Program(n.Name, "in", inScript)
		c.Program(n.Name, "kubeadm", kubeadmScript)
		c.Program(n.Name, "systemctl", systemctlScript)
		c.Program(n.Name, "pkill", pkillScript)
	}
}

// Program puts a program on a node, in place of the stand-in of that name. No process is begun meanwhile: it would hold
// the file open for writing for an instant, and nobody could run it ("text file busy").
func (c *Cluster) Program(node, name, script string) {
	c.t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	c.write(node, "/bin/"+name, []byte(script))
	if err := os.Chmod(c.path(node, "/bin/"+name), 0o700); err != nil {
		c.t.Fatal(err)
	}
}

// Restarts counts how often the control plane's kubelet was restarted.
func (c *Cluster) Restarts() int {
	data, err := os.ReadFile(c.path(ControlPlane, "/restarts"))
	if err != nil {
		return 0
	}
	return strings.Count(string(data), "\n")
}

// Kubeadm is what the stand-in was called with, one call per line.
func (c *Cluster) Kubeadm() []string {
	data, err := os.ReadFile(c.path(ControlPlane, "/kubeadm.log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), c.path(ControlPlane, ""), "")), "\n")
}
