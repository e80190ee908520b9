package nodeimage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"io/fs"

	"github.com/jonboulle/clockwork"

	nodeimagefs "github.com/nov30/nov30/fixtures/nodeimage"
	sitefs "github.com/nov30/nov30/fixtures/site"
	"github.com/nov30/nov30/harness/engine"
)

// world is a builder on a shell script in the place of docker.
type world struct {
	Builder
	dir   string // the script's working directory; its log of commands is in it
	said  []string
	recip Recipe
}

// newWorld makes a world whose engine answers by the branches of a case statement over its arguments; what no branch
// knows fails.
func newWorld(t *testing.T, branches string) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	script := "#!/bin/sh\ncd " + w.dir + "\nprintf '%s\\n' \"$*\" >>log\ncase \"$*\" in\n" + branches +
		"\n*) echo \"unexpected: $*\" >&2; exit 97;;\nesac\n"
	write(t, filepath.Join(w.dir, "docker"), script)
	var err error
	if w.recip, err = LoadRecipe(); err != nil {
		t.Fatal(err)
	}
	w.Builder = Builder{Engine: &engine.Engine{Name: "docker", Bin: filepath.Join(w.dir, "docker")}, Clock: clockwork.NewRealClock(),
		Cache: t.TempDir(), Progress: func(line string) { w.said = append(w.said, line) }, Install: refuse}
	w.keyring = filepath.Join(w.dir, "keyring.gpg")
	write(t, w.keyring, "keys")
	return w
}

// refuse is an Install that may not.
func refuse(_ context.Context, _ func(string), packages ...string) error {
	return errors.New("installing needs root; run: sudo apt-get install " + strings.Join(packages, " "))
}

func (w *world) calls() []string {
	text, err := os.ReadFile(filepath.Join(w.dir, "log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// ran tells whether a command that begins so was run.
func (w *world) ran(start string) bool {
	return slices.ContainsFunc(w.calls(), func(c string) bool { return strings.HasPrefix(c, start) })
}

// compiled puts everything an image of that version runs into the cache, so that nothing is compiled.
func (w *world) compiled(t *testing.T, version string) {
	t.Helper()
	components, err := fs.Sub(nodeimagefs.FS, "components")
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.cached("kubernetes-"+version+"-"+sumOf(t, components)[:12]), kubeadmScript(allTags...))
	for _, name := range []string{"etcd-v3.6.5", "etcdctl-v3.6.5", "coredns-v1.12.1"} {
		write(t, w.cached(name), "program "+name)
	}
	for dir, tree := range map[string]fs.FS{"nodenet": nodeimagefs.FS, "pause": nodeimagefs.FS, "app": sitefs.FS} {
		sub, err := fs.Sub(tree, dir)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w.cached(dir+"-"+sumOf(t, sub)[:12]), "program "+dir)
	}
}

// allTags are what kubeadm lists.
var allTags = []string{"registry.k8s.io/kube-apiserver:v1.34.4", "registry.k8s.io/kube-controller-manager:v1.34.4",
	"registry.k8s.io/kube-scheduler:v1.34.4", "registry.k8s.io/kube-proxy:v1.34.4", "registry.k8s.io/coredns/coredns:v1.12.1",
	"registry.k8s.io/pause:3.10.1", "registry.k8s.io/etcd:3.6.5-0"}

// kubeadmScript is a Kubernetes program that knows one command, and that only under the name kubeadm.
func kubeadmScript(tags ...string) string {
	return "#!/bin/sh\ncase \"$0 $*\" in\n*'/kubeadm config images list --kubernetes-version v'*) echo '" + strings.Join(tags, "\n") +
		"';;\n*) echo \"unexpected: $0 $*\" >&2; exit 97;;\nesac\n"
}

func sumOf(t *testing.T, trees ...fs.FS) string {
	t.Helper()
	sum, err := digest(trees...)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func files(pairs ...string) fstest.MapFS {
	f := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		f[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return f
}
