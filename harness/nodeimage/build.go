package nodeimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
)

// build makes an image from nothing but the module proxy and Debian's packages.
func (b Builder) build(ctx context.Context, r Recipe, kubernetes, ref string) error {
	return b.step("node image "+ref, func() error {
		var p programs
		var rootfs string
		g, gctx := errgroup.WithContext(ctx)
		g.Go(func() (err error) { p, err = b.compile(gctx, kubernetes); return err })
		g.Go(func() (err error) { rootfs, err = b.rootfs(gctx, r); return err })
		if err := g.Wait(); err != nil {
			return err
		}
		base := Repository + ":base-" + strings.TrimSuffix(filepath.Base(rootfs), ".tar")
		if err := b.step("import the root file system", func() error { return b.importTar(ctx, rootfs, base) }); err != nil {
			return err
		}
		defer b.Engine.Run(context.WithoutCancel(ctx), nil, "image", "rm", "--no-prune", base)
		return b.assemble(ctx, r, kubernetes, p, base, ref)
	})
}

// assemble turns the base image into a node image in a container of its own and commits it.
func (b Builder) assemble(ctx context.Context, r Recipe, kubernetes string, p programs, base, ref string) error {
	s, err := b.startStage(ctx, base)
	if err != nil {
		return err
	}
	defer s.remove()
	err = b.step("install the node's files", func() error {
		if err := s.copyIn(ctx, func(t *archive) error { return nodeFiles(ctx, t, r, kubernetes, p) }); err != nil {
			return err
		}
		return s.script(ctx, "configure.sh")
	})
	if err != nil {
		return err
	}
	err = b.step("load the container images", func() error {
		proxy, err := s.output(ctx, "proxy-layer.sh")
		if err != nil {
			return err
		}
		return s.loadImages(ctx, func(path string) error { return writeImages(path, p, proxy) })
	})
	if err != nil {
		return err
	}
	if err := b.step("commit "+ref, func() error { return s.commit(ctx, ref, kubernetes, "built") }); err != nil {
		return err
	}
	b.prune(ctx, kubernetes)
	return nil
}

// prune removes the images of the same version that an earlier recipe made; one that is in use stays.
func (b Builder) prune(ctx context.Context, kubernetes string) {
	images, err := b.List(ctx)
	if err != nil {
		b.say("earlier images of %s were not removed: %v", kubernetes, err)
	}
	for _, i := range images {
		if i.Kubernetes != kubernetes || i.Current {
			continue
		}
		if _, err := b.Engine.Run(ctx, nil, "image", "rm", i.Ref); err != nil {
			b.say("earlier image %s stays: %v", i.Ref, err)
		}
	}
}

func (b Builder) importTar(ctx context.Context, path, ref string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := b.Engine.Run(ctx, f, "import", "-", ref); err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	return nil
}
