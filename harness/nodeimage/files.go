package nodeimage

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	"github.com/nov30/nov30/harness/gobuild"
)

// nodeFiles writes what a built node has beside Debian's packages: kind's own files, ours, and the node's programs.
func nodeFiles(ctx context.Context, t *archive, r Recipe, kubernetes string, p programs) error {
	kind, err := gobuild.Download(ctx, "sigs.k8s.io/kind", r.Kind)
	if err != nil {
		return err
	}
	if err := t.tree(os.DirFS(filepath.Join(kind, "images", "base", "files"))); err != nil {
		return err
	}
	if err := ourFiles(t); err != nil {
		return err
	}
	if err := t.bytes("kind/version", 0o644, []byte(kubernetes)); err != nil {
		return err
	}
	if err := t.file(p.kubernetes, "usr/bin/kubelet", "usr/bin/kubeadm", "usr/bin/kubectl"); err != nil {
		return err
	}
	return t.file(p.etcdctl, "usr/local/bin/etcdctl")
}

// ourFiles writes the recipe's own part of the file system.
func ourFiles(t *archive) error {
	ours, err := fs.Sub(nodeimagefs.FS, "files")
	if err != nil {
		return err
	}
	return t.tree(ours)
}
