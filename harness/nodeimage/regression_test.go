package nodeimage

import (
	"archive/tar"
	"io"
	"path/filepath"
	"slices"
	"testing"
)

func TestEveryComponentMustBeListedByKubeadm(t *testing.T) {
	for missing, tag := range allTags {
		if missing == 5 { // pause: the sandbox image is there anyway
			continue
		}
		kube := filepath.Join(t.TempDir(), "kubernetes")
		write(t, kube, kubeadmScript(slices.Delete(slices.Clone(allTags), missing, missing+1)...))
		if _, err := kubeadmTags(t.Context(), kube, "v1.34.4"); err == nil {
			t.Errorf("without %s", tag)
		}
	}
}

func TestPodmansWordsForAMissingImage(t *testing.T) {
	w := newWorld(t, `'image inspect '*) echo 'Error: x: image not known' >&2; exit 125;;`)
	if have, err := w.have(t.Context(), "x"); have || err != nil {
		t.Errorf("%v, %v", have, err)
	}
}

func TestCopyOfRefusesALink(t *testing.T) {
	from := packed(t, func(a *archive) error {
		return a.header(tar.Header{Name: "./usr/bin/busybox", Typeflag: tar.TypeSymlink, Linkname: "/bin/x"})
	})
	if err := (&archive{tar.NewWriter(io.Discard)}).copyOf(from, "./usr/bin/busybox", "bin/sh"); err == nil {
		t.Error("an empty shell was packed")
	}
}

func TestTheSameContentGivesTheSameImage(t *testing.T) {
	p := testPrograms(t)
	digests := map[string]bool{}
	for range 12 {
		image, err := imageParts{add: map[string]string{"usr/bin/a": p.etcd, "usr/bin/b": p.etcdctl, "usr/bin/c": p.coredns}}.image()
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest.String()] = true
	}
	if len(digests) != 1 {
		t.Errorf("%d different images of the same content", len(digests))
	}
}
