package nodestate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// staticImages are the images of the node's static pods.
func (s *goldenStart) staticImages() []string {
	var all []string
	for _, f := range s.golden.Files {
		if below(f.Path, []string{manifestDir}) {
			all = append(all, listed(string(f.Content), "image: ")...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mounted does something while an image is mounted, which unpacks it.
func (n Node) mounted(ctx context.Context, image string, do func(root string) error) error {
	root, err := os.MkdirTemp("/run", "nov30-image-")
	if err != nil {
		return err
	}
	ctr := func(argv ...string) error {
		_, err := n.run(context.WithoutCancel(ctx), nil, append([]string{"ctr", "--namespace", "k8s.io", "images"}, argv...)...)
		return err
	}
	if err := ctr("mount", image, root); err != nil {
		return errors.Join(err, os.Remove(root))
	}
	err = do(root)
	return errors.Join(err, ctr("unmount", "--rm", root), os.RemoveAll(root))
}

// unpack unpacks images.
func (n Node) unpack(ctx context.Context, images []string) error {
	for _, i := range images {
		if err := n.mounted(ctx, i, func(string) error { return nil }); err != nil {
			return fmt.Errorf("unpack %s: %w", i, err)
		}
	}
	return nil
}

// withOwnEtcd does something while etcd runs outside of any pod, from its image and with the flags of its manifest: it and the
// pod's have the same data, name and addresses.
func (s *goldenStart) withOwnEtcd(ctx context.Context, do func() error) error {
	manifest := s.manifest(etcdManifest)
	images, flags := listed(manifest, "image: "), listed(manifest, "- --")
	if len(images) != 1 || len(flags) == 0 {
		return fmt.Errorf("%w: %s names no image or no flags", ErrState, etcdManifest)
	}
	return s.mounted(ctx, images[0], func(root string) error {
		if err := os.MkdirAll("/var/lib/etcd", 0o700); err != nil {
			return err
		}
		var argv []string
		for _, f := range flags {
			argv = append(argv, "--"+f)
		}
		cmd := exec.CommandContext(ctx, filepath.Join(root, "usr/local/bin/etcd"), argv...)
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			return err
		}
		err := do()
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
		if waited := cmd.Wait(); waited != nil && err != nil {
			err = fmt.Errorf("%w; etcd: %w: %.400s", err, waited, said.String())
		}
		return err
	})
}
