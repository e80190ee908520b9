package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/redact"
)

// nodeLogs are the commands whose output is kept of every node, by file name. An allow-list: nothing of /etc/kubernetes
// or /var/lib is among them.
var nodeLogs = map[string][]string{
	"kubelet.log":    {"journalctl", "--no-pager", "--output=short-precise", "--unit=kubelet"},
	"containerd.log": {"journalctl", "--no-pager", "--output=short-precise", "--unit=containerd"},
	"journal.log":    {"journalctl", "--no-pager", "--output=short-precise", "--lines=2000"},
	"units.txt":      {"systemctl", "--no-pager", "--no-legend", "list-units", "--all"},
	"containers.txt": {"ctr", "--namespace", "k8s.io", "tasks", "list"},
	"network.txt":    {"sh", "-c", "ip addr; ip route; ss -tan"},
	"pods.log":       {"sh", "-c", `for f in /var/log/pods/*/*/*.log; do [ -f "$f" ] && echo "==> $f" && tail -n 400 "$f"; done`},
}

// Logs collects the nodes' logs into dir, a directory for each node. A node that does not answer does not keep the
// others' logs from being collected.
func (k *Kind) Logs(ctx context.Context, dir string) error {
	g := errgroup.Group{}
	errs := make([]error, len(k.nodes))
	for i, n := range k.nodes {
		g.Go(func() error {
			for file, argv := range nodeLogs {
				out, err := execWithin(ctx, n, argv)
				errs[i] = errors.Join(errs[i], err, write(filepath.Join(dir, n.Name(), file), out))
			}
			return nil
		})
	}
	_ = g.Wait()
	return errors.Join(errs...)
}

// execWithin runs a command in a node and gives it up after 20 s: the rest of a node's logs may still be had.
func execWithin(ctx context.Context, n Node, argv []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return n.Exec(ctx, nil, argv...)
}

func write(path string, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, redact.Bytes(text), 0o600)
}
