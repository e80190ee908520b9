package nodeimage

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// unpacked is an entry of a tar, by name.
type unpacked map[string]struct {
	tar.Header
	text string
}

func unpack(t *testing.T, r io.Reader) unpacked {
	t.Helper()
	found := unpacked{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = struct {
			tar.Header
			text string
		}{*h, string(text)}
	}
}

// packed is the tar that fill writes.
func packed(t *testing.T, fill func(*archive) error) []byte {
	t.Helper()
	var out bytes.Buffer
	a := &archive{tar.NewWriter(&out)}
	if err := errors.Join(fill(a), a.w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestATreesExecutablesAreWhatLiesInABin(t *testing.T) {
	text := packed(t, func(a *archive) error {
		return a.tree(files("usr/local/bin/entrypoint", "e", "usr/local/sbin/nov30-net", "n", "etc/bin.conf", "c", "etc/systemd/x.service", "s", "bin/sh", "b"))
	})
	got := unpack(t, bytes.NewReader(text))
	for name, mode := range map[string]int64{"usr/local/bin/entrypoint": 0o755, "usr/local/sbin/nov30-net": 0o755, "bin/sh": 0o755,
		"etc/bin.conf": 0o644, "etc/systemd/x.service": 0o644} {
		e, ok := got[name]
		if !ok || e.Mode != mode || e.Uid != 0 || e.Gid != 0 || !e.ModTime.Equal(epoch) {
			t.Errorf("%s: %v, mode %o, owner %d:%d, %v", name, ok, e.Mode, e.Uid, e.Gid, e.ModTime)
		}
	}
	if len(got) != 5 || got["etc/bin.conf"].text != "c" {
		t.Errorf("%d entries, %q", len(got), got["etc/bin.conf"].text)
	}
}

func TestAFileIsWrittenOnceAndLinkedUnderItsOtherNames(t *testing.T) {
	source := filepath.Join(t.TempDir(), "kubernetes")
	write(t, source, "program")
	got := unpack(t, bytes.NewReader(packed(t, func(a *archive) error { return a.file(source, "usr/bin/kubelet", "usr/bin/kubeadm", "usr/bin/kubectl") })))
	if e := got["usr/bin/kubelet"]; e.text != "program" || e.Mode != 0o755 || e.Typeflag != tar.TypeReg {
		t.Errorf("the file: %+v", e)
	}
	for _, link := range []string{"usr/bin/kubeadm", "usr/bin/kubectl"} {
		if e := got[link]; e.Typeflag != tar.TypeLink || e.Linkname != "usr/bin/kubelet" {
			t.Errorf("%s: %+v", link, e)
		}
	}
	if err := (&archive{tar.NewWriter(io.Discard)}).file(source+"-none", "x"); err == nil {
		t.Error("a program that is not there was packed")
	}
}

func proxyTar(t *testing.T) []byte {
	return packed(t, func(a *archive) error {
		return errors.Join(a.bytes("./usr/sbin/iptables", 0o755, []byte("iptables")), a.bytes("./usr/bin/busybox", 0o755, []byte("busybox")))
	})
}

func TestCopyOfTakesOneFileOutOfAnotherTar(t *testing.T) {
	got := unpack(t, bytes.NewReader(packed(t, func(a *archive) error {
		return a.copyOf(proxyTar(t), "./usr/bin/busybox", "bin/busybox", "bin/sh")
	})))
	if e := got["bin/busybox"]; len(got) != 2 || e.text != "busybox" || e.Mode != 0o755 || got["bin/sh"].Linkname != "bin/busybox" {
		t.Errorf("got %+v", got)
	}
	err := (&archive{tar.NewWriter(io.Discard)}).copyOf(proxyTar(t), "./bin/none", "x")
	if err == nil || !strings.Contains(err.Error(), "./bin/none") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func testPrograms(t *testing.T) programs {
	t.Helper()
	dir := t.TempDir()
	made := func(name string) string {
		write(t, filepath.Join(dir, name), "program "+name)
		return filepath.Join(dir, name)
	}
	return programs{kubernetes: made("kubernetes"), etcd: made("etcd"), etcdctl: made("etcdctl"), coredns: made("coredns"),
		nodenet: made("nodenet"), pause: made("pause"), site: made("site"),
		tags: imageTags{apiserver: allTags[0], controllerManager: allTags[1], scheduler: allTags[2], proxy: allTags[3],
			coredns: allTags[4], pause: allTags[5], etcd: allTags[6]}}
}

func image(t *testing.T, path, ref string) v1.Image {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	i, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	return i
}

// content is what an image's layers hold.
func content(t *testing.T, i v1.Image) unpacked {
	t.Helper()
	layers, err := i.Layers()
	if err != nil {
		t.Fatal(err)
	}
	all := unpacked{}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for name, e := range unpack(t, r) {
			all[name] = e
		}
		r.Close()
	}
	return all
}

func TestTheArchiveHoldsEveryImageANodeStartsUnderKubeadmsNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.tar")
	if err := writeImages(path, testPrograms(t), proxyTar(t)); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]struct{ entrypoint, file, text string }{
		allTags[0]:   {"", "usr/local/bin/kube-apiserver", "program kubernetes"},
		allTags[3]:   {"", "./usr/sbin/iptables", "iptables"},
		allTags[4]:   {"/coredns", "coredns", "program coredns"},
		allTags[5]:   {"/pause", "pause", "program pause"},
		allTags[6]:   {"", "usr/local/bin/etcdctl", "program etcdctl"},
		sandboxImage: {"/pause", "pause", "program pause"},
		nodenetImage: {"/nodenet", "nodenet", "program nodenet"},
		siteImage:    {"/site", "site", "program site"},
	} {
		i := image(t, path, ref)
		config, err := i.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if entry := strings.Join(config.Config.Entrypoint, " "); entry != want.entrypoint || config.OS != "linux" || config.Architecture == "" {
			t.Errorf("%s: entrypoint %q on %s/%s, want %q", ref, entry, config.OS, config.Architecture, want.entrypoint)
		}
		if got := content(t, i)[want.file]; got.text != want.text || got.Mode != 0o755 {
			t.Errorf("%s: %s is %q with mode %o, want %q", ref, want.file, got.text, got.Mode, want.text)
		}
	}
	for _, ref := range []string{allTags[6], nodenetImage} { // their scripts call a shell
		if got := content(t, image(t, path, ref))["bin/busybox"].text; got != "busybox" {
			t.Errorf("%s has no shell: %q", ref, got)
		}
	}
	manifest, err := tarball.LoadManifest(opener(path))
	if err != nil {
		t.Fatal(err)
	}
	tagged := 0
	for _, m := range manifest {
		tagged += len(m.RepoTags)
	}
	if tagged != len(allTags)+3 {
		t.Errorf("%d names in the archive, want %d", tagged, len(allTags)+3)
	}
}

func TestTheComponentsShareOneLayer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "images.tar")
	if err := writeImages(path, testPrograms(t), proxyTar(t)); err != nil {
		t.Fatal(err)
	}
	var shared []v1.Hash
	for n, ref := range allTags[:4] {
		config, err := image(t, path, ref).ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		ids := config.RootFS.DiffIDs
		if n == 0 {
			shared = ids
		}
		if len(shared) != 1 || !slices.Contains(ids, shared[0]) {
			t.Errorf("%s has the layers %v, without %v", ref, ids, shared)
		}
		name := strings.Split(ref[strings.LastIndex(ref, "/")+1:], ":")[0]
		if _, ok := content(t, image(t, path, ref))["usr/local/bin/"+name]; !ok {
			t.Errorf("%s does not hold %s", ref, name)
		}
	}
}

func TestAProgramThatIsNotThereIsNoImage(t *testing.T) {
	p := testPrograms(t)
	p.coredns += "-none"
	err := writeImages(filepath.Join(t.TempDir(), "images.tar"), p, proxyTar(t))
	if err == nil || !strings.Contains(err.Error(), "coredns") {
		t.Errorf("got %v", err)
	}
	if err := writeArchive(filepath.Join(t.TempDir(), "x.tar"), map[string]imageParts{"not a name": {}}); err == nil {
		t.Error("an image without a name was written")
	}
}

func opener(path string) tarball.Opener {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}
