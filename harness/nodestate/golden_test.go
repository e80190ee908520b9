package nodestate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"
)

// goldenNode makes a node's files in a directory.
func goldenNode(t *testing.T, files map[string]string) Node {
	t.Helper()
	n := Node{Name: "n", Root: t.TempDir(), Clock: clockwork.NewFakeClock()}
	for _, dir := range append(slices.Clone(goldenDirs), "/etc/cni") {
		if err := os.MkdirAll(filepath.Join(n.Root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range files {
		path = filepath.Join(n.Root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestWhatKubeadmLeftIsTakenAndPutAndNothingOfKubeletsOwn(t *testing.T) {
	from := goldenNode(t, map[string]string{
		"/etc/kubernetes/pki/ca.key": "key", "/etc/kubernetes/manifests/kube-scheduler.yaml": "pod", "/var/lib/kubelet/config.yaml": "kind: K",
		"/var/lib/kubelet/cpu_manager_state": "own", "/var/lib/kubelet/pki/kubelet.key": "own", "/var/lib/kubelet/pods/x/y": "own",
		"/etc/passwd": "not kubeadm's", "/var/lib/kubelet/pki/kubelet-client-1.pem": "pem"})
	link := filepath.Join(from.Root, "/var/lib/kubelet/pki/kubelet-client-current.pem")
	if err := errors.Join(os.Symlink("/var/lib/kubelet/pki/kubelet-client-1.pem", link), os.Chmod(filepath.Join(from.Root, "/etc/kubernetes/pki"), 0o711)); err != nil {
		t.Fatal(err)
	}
	g, err := from.TakeGolden(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range g.Files {
		if string(f.Content) == "own" || strings.Contains(f.Path, "passwd") || strings.Contains(f.Path, "pods") {
			t.Errorf("%s was taken", f.Path)
		}
	}
	to := goldenNode(t, map[string]string{"/etc/kubernetes/pki/ca.key": "another"})
	if err := errors.Join(g.check(), to.putGolden(g.Files)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc/kubernetes/pki/ca.key": "key", "/var/lib/kubelet/config.yaml": "kind: K", "/etc/kubernetes/manifests/kube-scheduler.yaml": "pod"} {
		got, err := os.ReadFile(filepath.Join(to.Root, path))
		st, _ := os.Stat(filepath.Join(to.Root, path))
		if string(got) != want || err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q %v %v", path, got, st.Mode(), err)
		}
	}
	if st, err := os.Stat(filepath.Join(to.Root, "/etc/kubernetes/pki")); err != nil || st.Mode().Perm() != 0o711 {
		t.Errorf("the directory: %v", err)
	}
	if target, err := os.Readlink(filepath.Join(to.Root, "/var/lib/kubelet/pki/kubelet-client-current.pem")); target != "/var/lib/kubelet/pki/kubelet-client-1.pem" {
		t.Errorf("the link: %q %v", target, err)
	}
}

func TestAStateThatWouldWriteElsewhereOrWasCutIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	n := goldenNode(t, nil)
	for _, text := range []string{
		``, `{`, `{"files":[]}`,
		`{"files":[{"path":"/etc/kubernetes/ok","kind":"file"},{"path":"/etc/passwd","kind":"file"}]}`,
		`{"files":[{"path":"/etc/kubernetes/ok","kind":"file"},{"path":"/etc/kubernetes/../passwd","kind":"file"}]}`,
		`{"files":[{"path":"/etc/kubernetes/ok","kind":"special"}]}`,
	} {
		if _, err := n.StartGolden(t.Context(), strings.NewReader(text)); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if found, _ := os.ReadDir(filepath.Join(n.Root, "/etc/kubernetes")); len(found) != 0 {
		t.Errorf("written: %v", found)
	}
}

func TestWhatSetsSomethingGoingIsPutLate(t *testing.T) {
	for path, want := range map[string]bool{etcdManifest: true, apiserverManifest: true, kubeletConfig: true, clusterCA: false, "/var/lib/kubelet/config.yaml.d": false} {
		if late(GoldenFile{Path: path, Kind: regular}) != want {
			t.Errorf("%s late: %v", path, !want)
		}
	}
	if late(GoldenFile{Path: manifestDir, Kind: directory}) {
		t.Error("a directory has nothing going")
	}
}

func TestTransactionsKeepEtcdsLimitsAndLoseNothing(t *testing.T) {
	var all []GoldenObject
	for i := range 250 {
		all = append(all, GoldenObject{Key: fmt.Sprintf("/registry/%03d", i), Value: make([]byte, 10)})
	}
	all[120].Value = make([]byte, txnBytes)
	var keys []string
	for left := all; len(left) > 0; {
		before := len(left)
		txn, rest := nextTxn(left)
		if len(rest) >= before || len(txn.Success) > txnOperations {
			t.Fatalf("%d operations, %d left of %d", len(txn.Success), len(rest), before)
		}
		size := 0
		for _, op := range txn.Success {
			keys = append(keys, string(op.GetRequestPut().Key))
			size += len(op.GetRequestPut().Value)
		}
		if size > txnBytes && len(txn.Success) > 1 {
			t.Errorf("%d bytes in one transaction", size)
		}
		left = rest
	}
	if len(keys) != len(all) || !slices.IsSorted(keys) || len(slices.Compact(keys)) != len(all) {
		t.Errorf("%d keys", len(keys))
	}
}

func TestAManifestsFlagsAndImageAreRead(t *testing.T) {
	manifest := "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=a\n    - --data-dir=/var/lib/etcd\n    image: registry/etcd:3\n"
	if flags := listed(manifest, "- --"); !slices.Equal(flags, []string{"name=a", "data-dir=/var/lib/etcd"}) {
		t.Errorf("%q", flags)
	}
	if images := listed(manifest, "image: "); !slices.Equal(images, []string{"registry/etcd:3"}) {
		t.Errorf("%q", images)
	}
}
