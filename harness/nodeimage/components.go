package nodeimage

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	sitefs "github.com/nov30/nov30/fixtures/site"
	"github.com/nov30/nov30/harness/gobuild"
)

// programs are the paths of everything compiled for one image.
type programs struct {
	kubernetes, etcd, etcdctl, coredns, nodenet, pause, site string
	tags                                                     imageTags
}

// imageTags are the names kubeadm expects of the images it starts.
type imageTags struct{ apiserver, controllerManager, scheduler, proxy, coredns, pause, etcd string }

// compile builds or finds in the cache everything an image of that version runs.
func (b Builder) compile(ctx context.Context, version string) (p programs, err error) {
	if p.kubernetes, err = b.kubernetes(ctx, version); err != nil {
		return p, err
	}
	if p.tags, err = kubeadmTags(ctx, p.kubernetes, version); err != nil {
		return p, err
	}
	etcd := moduleVersion(p.tags.etcd)
	if p.etcd, err = b.published(ctx, "go.etcd.io/etcd/server/v3", etcd, "etcd"); err != nil {
		return p, err
	}
	if p.etcdctl, err = b.published(ctx, "go.etcd.io/etcd/etcdctl/v3", etcd, "etcdctl"); err != nil {
		return p, err
	}
	if p.coredns, err = b.published(ctx, "github.com/coredns/coredns", moduleVersion(p.tags.coredns), "coredns"); err != nil {
		return p, err
	}
	for _, own := range []struct {
		tree fs.FS
		dir  string
		out  *string
	}{{nodeimagefs.FS, "nodenet", &p.nodenet}, {nodeimagefs.FS, "pause", &p.pause}, {sitefs.FS, "app", &p.site}} {
		if *own.out, err = b.own(ctx, own.tree, own.dir); err != nil {
			return p, err
		}
	}
	return p, nil
}

// kubernetes compiles all components of a version into one program. Its go.mod is made from Kubernetes' own: the same
// language version, and for each staging directory the module published from it.
func (b Builder) kubernetes(ctx context.Context, version string) (string, error) {
	components, err := fs.Sub(nodeimagefs.FS, "components")
	if err != nil {
		return "", err
	}
	sum, err := digest(components)
	if err != nil {
		return "", err
	}
	out := b.cached("kubernetes-" + version + "-" + sum[:12])
	if exists(out) {
		return out, nil
	}
	near, err := gobuild.Resolve(ctx, "k8s.io/kubernetes", version)
	if err != nil {
		return "", err
	}
	if near != version {
		return "", fmt.Errorf("the module proxy does not serve Kubernetes %s; the nearest version that it serves is %s", version, near)
	}
	return out, b.step("compile Kubernetes "+version, func() error {
		dir, err := gobuild.Download(ctx, "k8s.io/kubernetes", version)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			return err
		}
		mod, err := nestedModule(text, version)
		if err != nil {
			return err
		}
		return gobuild.Build(ctx, gobuild.Program{Source: components, GoMod: mod, Out: out, LDFlags: versionFlags(version)})
	})
}

// nestedModule turns the go.mod of k8s.io/kubernetes into one that requires it.
func nestedModule(text []byte, version string) (string, error) {
	f, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return "", err
	}
	if f.Go == nil {
		return "", fmt.Errorf("the go.mod of Kubernetes %s has no go directive", version)
	}
	var m strings.Builder
	fmt.Fprintf(&m, "module nov30.local/kubernetes\n\ngo %s\n\nrequire k8s.io/kubernetes %s\n\n", f.Go.Version, version)
	staging := "v0" + strings.TrimPrefix(version, "v1")
	for _, r := range f.Replace {
		if strings.HasPrefix(r.New.Path, "./staging/") {
			fmt.Fprintf(&m, "replace %s => %s %s\n", r.Old.Path, r.Old.Path, staging)
		}
	}
	return m.String(), nil
}

func versionFlags(version string) []string {
	part := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for name, value := range map[string]string{"gitVersion": version, "gitMajor": part[0], "gitMinor": part[1], "gitTreeState": "clean"} {
			flags = append(flags, fmt.Sprintf("-X %s.%s=%s", pkg, name, value))
		}
	}
	return flags
}

// kubeadmTags asks kubeadm itself which images it will start.
func kubeadmTags(ctx context.Context, kube, version string) (t imageTags, err error) {
	dir, err := os.MkdirTemp("", "nov30-kubeadm-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	kubeadm := filepath.Join(dir, "kubeadm")
	if err := os.Symlink(kube, kubeadm); err != nil {
		return t, err
	}
	out, err := exec.CommandContext(ctx, kubeadm, "config", "images", "list", "--kubernetes-version", version).Output()
	if err != nil {
		return t, fmt.Errorf("kubeadm config images list: %w", err)
	}
	for _, image := range strings.Fields(string(out)) {
		name := image[strings.LastIndex(image, "/")+1:]
		for prefix, field := range map[string]*string{"kube-apiserver:": &t.apiserver, "kube-controller-manager:": &t.controllerManager,
			"kube-scheduler:": &t.scheduler, "kube-proxy:": &t.proxy, "coredns:": &t.coredns, "pause:": &t.pause, "etcd:": &t.etcd} {
			if strings.HasPrefix(name, prefix) {
				*field = image
			}
		}
	}
	if t.etcd == "" || t.coredns == "" || t.apiserver == "" || t.controllerManager == "" || t.scheduler == "" || t.proxy == "" {
		return t, fmt.Errorf("kubeadm config images list: an image is missing in %q", out)
	}
	return t, nil
}

// moduleVersion takes the version out of an image name: registry/etcd:3.6.5-0 is v3.6.5.
func moduleVersion(image string) string {
	tag := image[strings.LastIndex(image, ":")+1:]
	tag, _, _ = strings.Cut(tag, "-")
	return "v" + strings.TrimPrefix(tag, "v")
}

// published builds a main package at the root of a module, in the version nearest to the one wanted.
func (b Builder) published(ctx context.Context, module, want, name string) (string, error) {
	if out := b.cached(name + "-" + want); exists(out) {
		return out, nil
	}
	version, err := gobuild.Resolve(ctx, module, want)
	if err != nil {
		return "", err
	}
	if version != want {
		b.say("%s %s is not served; taking %s", name, want, version)
	}
	out := b.cached(name + "-" + version)
	if exists(out) {
		return out, nil
	}
	mod := fmt.Sprintf("module nov30.local/%s\n\ngo 1.25\n\nrequire %s %s\n", name, module, version)
	return out, b.step("compile "+name+" "+version, func() error {
		return gobuild.Build(ctx, gobuild.Program{GoMod: mod, Package: module, Out: out})
	})
}

// own builds a program that is part of the recipe.
func (b Builder) own(ctx context.Context, tree fs.FS, dir string) (string, error) {
	source, err := fs.Sub(tree, dir)
	if err != nil {
		return "", err
	}
	sum, err := digest(source)
	if err != nil {
		return "", err
	}
	out := b.cached(dir + "-" + sum[:12])
	if exists(out) {
		return out, nil
	}
	return out, gobuild.Build(ctx, gobuild.Program{Source: source, Out: out})
}

func (b Builder) cached(name string) string {
	return filepath.Join(b.Cache, "programs", runtime.GOARCH, name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
