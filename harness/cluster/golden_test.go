package cluster

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/golden"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/nodestate"
)

func goldenState(key golden.Key) *golden.State {
	file := []nodestate.GoldenFile{{Path: "/etc/kubernetes/x", Kind: "file"}}
	return &golden.State{Version: golden.Version, Key: key, Cluster: "nov30-a-1", Run: "run-a", Taken: time.Unix(1, 0), Nodes: []golden.Node{
		{Name: "nov30-a-1-control-plane", Address: netip.MustParseAddr("10.0.0.2"),
			State: nodestate.Golden{Files: file, Objects: []nodestate.GoldenObject{{Key: "/registry/x", Value: []byte("x")}}}},
		{Name: "nov30-a-1-worker", Address: netip.MustParseAddr("10.0.0.3"), State: nodestate.Golden{Files: file}}}}
}

func TestAGoldenStateIsItsOwnersAloneAndIsReadBack(t *testing.T) {
	s := goldenStore{dir: t.TempDir(), key: golden.Key{Image: "sha256:1", Kind: "v0", Workers: 1}}
	if got, err := s.load(); got != nil || err != nil {
		t.Fatalf("before it was saved: %v, %v", got, err)
	}
	for range 2 { // over itself
		if err := s.save(goldenState(s.key)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.load()
	if err != nil || got.Cluster != "nov30-a-1" {
		t.Fatalf("%v, %v", got, err)
	}
	for path, want := range map[string]os.FileMode{s.path(): 0o600, filepath.Dir(s.path()): 0o700} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(s.path())); len(left) != 1 {
		t.Errorf("left beside it: %v", left)
	}
	other := s
	other.key.Workers = 2
	if got, err := other.load(); got != nil || err != nil {
		t.Errorf("another shape has it too: %v, %v", got, err)
	}
}

func TestAGoldenStateThatIsDamagedOpenToOthersOrForeignIsThrownAway(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"damaged":        func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"cut":            func(path string) error { return os.Truncate(path, 40) },
		"open to others": func(path string) error { return os.Chmod(path, 0o644) },
		"a link":         func(path string) error { os.Rename(path, path+".real"); return os.Symlink(path+".real", path) },
	} {
		s := goldenStore{dir: t.TempDir(), key: golden.Key{Image: "sha256:1", Kind: "v0", Workers: 1}}
		if err := s.save(goldenState(s.key)); err != nil {
			t.Fatal(err)
		}
		if err := spoil(s.path()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.load(); got != nil || err == nil {
			t.Errorf("%s: it was taken (%v)", name, err)
		}
		if _, err := os.Lstat(s.path()); !os.IsNotExist(err) {
			t.Errorf("%s: it is still there", name)
		}
	}
}

func TestAGoldenStartThatFailsIsCleanedUpSaidAndFollowedByTheOrdinaryWay(t *testing.T) {
	p, calls := fakeEngine(t, `"image inspect"*) echo sha256:1;;
"network create"*) n=$(cat n 2>/dev/null || echo 0); n=$((n+1)); echo $n >n; echo "refused $n" >&2; exit 1;;
"ps"*) ;;
"network rm"*) echo "no such network" >&2; exit 1;;`)
	var said []string
	p.Progress = func(line string) { said = append(said, line) }
	dir := t.TempDir()
	key, err := p.goldenKey(t.Context(), Options{Image: "i"})
	if err != nil {
		t.Fatal(err)
	}
	s := goldenStore{dir: dir, key: key}
	state := goldenState(s.key)
	state.Nodes[0].State.Files[0].Content = []byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n")
	if err := s.save(state); err != nil {
		t.Fatal(err)
	}
	_, err = p.CreateGolden(t.Context(), Options{Name: "nov30-b-1", Run: "run-b", Image: "i", Dir: t.TempDir()}, dir, nodeprogram.Program{})
	if err == nil || !strings.Contains(err.Error(), "refused 2") {
		t.Errorf("the ordinary way was not tried: %v", err)
	}
	if len(said) == 0 || !strings.Contains(said[0], "made the ordinary way") || !strings.Contains(said[0], "refused 1") {
		t.Errorf("it said %q", said)
	}
	if _, err := os.Lstat(s.path()); !os.IsNotExist(err) {
		t.Error("the golden state that failed is still there")
	}
	if !ran(calls(), "network rm nov30-b-1") {
		t.Errorf("nothing was cleaned up: %q", calls())
	}
}

func TestAGoldenStartRefusesAForeignNameBeforeAnythingIsMade(t *testing.T) {
	p, calls := fakeEngine(t, `"image inspect"*) echo sha256:1;;`)
	_, err := p.CreateGolden(t.Context(), Options{Name: "production", Run: "run-b", Image: "i", Dir: t.TempDir()}, t.TempDir(), nodeprogram.Program{})
	if err == nil || ran(calls(), "network") || ran(calls(), "run") {
		t.Errorf("%v, %q", err, calls())
	}
}
