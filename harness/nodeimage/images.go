package nodeimage

import (
	"archive/tar"
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Images that are nov30's own, by the names its manifests use.
const (
	nodenetImage = "nov30.local/nodenet:v1"
	siteImage    = "nov30.local/site:v1"
	// sandboxImage is what kind's containerd configuration names.
	sandboxImage = "registry.k8s.io/pause:3.10"
)

// writeImages writes every image a node starts into one archive. The components share one layer. Layers are not
// compressed: they never cross a network.
func writeImages(path string, p programs, proxyLayer []byte) error {
	kube, err := layer(func(t *archive) error {
		return t.file(p.kubernetes, "usr/local/bin/kube-apiserver", "usr/local/bin/kube-controller-manager",
			"usr/local/bin/kube-scheduler", "usr/local/bin/kube-proxy")
	})
	if err != nil {
		return err
	}
	shell, err := layer(func(t *archive) error { return t.copyOf(proxyLayer, "./usr/bin/busybox", "bin/busybox", "bin/sh") })
	if err != nil {
		return err
	}
	proxy := static.NewLayer(proxyLayer, types.OCIUncompressedLayer)
	images := map[string]imageParts{
		p.tags.apiserver:         {layers: []v1.Layer{kube}},
		p.tags.controllerManager: {layers: []v1.Layer{kube}},
		p.tags.scheduler:         {layers: []v1.Layer{kube}},
		p.tags.proxy:             {layers: []v1.Layer{proxy, kube}},
		p.tags.etcd:              {layers: []v1.Layer{shell}, add: map[string]string{"usr/local/bin/etcd": p.etcd, "usr/local/bin/etcdctl": p.etcdctl}},
		p.tags.coredns:           {add: map[string]string{"coredns": p.coredns}, entrypoint: "/coredns"},
		nodenetImage:             {layers: []v1.Layer{shell}, add: map[string]string{"nodenet": p.nodenet}, entrypoint: "/nodenet"},
		siteImage:                {add: map[string]string{"site": p.site}, entrypoint: "/site"},
	}
	pause := imageParts{add: map[string]string{"pause": p.pause}, entrypoint: "/pause"}
	images[sandboxImage], images[p.tags.pause] = pause, pause

	return writeArchive(path, images)
}

// siteOnly is what an official image needs beside its own.
func siteOnly(program string) map[string]imageParts {
	return map[string]imageParts{siteImage: {add: map[string]string{"site": program}, entrypoint: "/site"}}
}

func writeArchive(path string, images map[string]imageParts) error {
	refs := map[name.Reference]v1.Image{}
	for tag, parts := range images {
		if tag == "" {
			continue // kubeadm names no pause image of its own
		}
		ref, err := name.NewTag(tag)
		if err != nil {
			return err
		}
		image, err := parts.image()
		if err != nil {
			return fmt.Errorf("image %s: %w", tag, err)
		}
		refs[ref] = image
	}
	return tarball.MultiRefWriteToFile(path, refs)
}

// imageParts describes one image: shared layers, then one of its own with these executables.
type imageParts struct {
	layers     []v1.Layer
	add        map[string]string // path in the image: path here
	entrypoint string
}

func (i imageParts) image() (v1.Image, error) {
	layers := append([]v1.Layer{}, i.layers...)
	if len(i.add) > 0 {
		own, err := layer(func(t *archive) error {
			for _, path := range slices.Sorted(maps.Keys(i.add)) {
				if err := t.file(i.add[path], path); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		layers = append(layers, own)
	}
	image, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	if i.entrypoint != "" {
		config.Config.Entrypoint = []string{i.entrypoint}
	}
	return mutate.ConfigFile(image, config)
}

func layer(fill func(*archive) error) (v1.Layer, error) {
	var out bytes.Buffer
	t := &archive{tar.NewWriter(&out)}
	if err := fill(t); err != nil {
		return nil, err
	}
	if err := t.w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(out.Bytes(), types.OCIUncompressedLayer), nil
}
