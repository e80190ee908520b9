package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

func begin(t *testing.T) *journal.File {
	t.Helper()
	f, err := journal.Create(filepath.Join(t.TempDir(), "journal"), journal.Meta{Run: "r1", Cluster: journaltest.Name,
		CASHA256: strings.Repeat("0", 64), APIServer: "https://127.0.0.1:6443", Created: time.Unix(1575109748, 0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func reopen(t *testing.T, f *journal.File) *journal.File {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := journal.Open(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	return again
}

func twoNodes(t *testing.T) (*journaltest.Cluster, *journaltest.Node, *journaltest.Node) {
	t.Helper()
	c := journaltest.New(t, cluster.ControlPlane, cluster.Worker)
	for _, n := range c.Directories {
		n.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) { return []byte("running\n"), nil }
	}
	return c, c.Directories[0], c.Directories[1]
}

// change journals a file's state and then writes to it, as a fault does.
func change(t *testing.T, j journal.Journal, n *journaltest.Node, path, content string) {
	t.Helper()
	before, err := nodeop.Read(t.Context(), n, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(journal.Restore(n.Name(), before, []byte(content))); err != nil {
		t.Fatal(err)
	}
	n.Put(path, []byte(content), 0o777)
}

func assertFile(t *testing.T, n *journaltest.Node, path, content string, mode os.FileMode) {
	t.Helper()
	st, err := os.Stat(n.Host(path))
	if err != nil || n.Content(path) != content || st.Mode() != mode {
		t.Errorf("%s holds %q, %v; want %q %04o", path, n.Content(path), err, content, mode)
	}
}

func TestRevertPutsBackLastInFirstOutAndTwiceChangesNothing(t *testing.T) {
	c, master, worker := twoNodes(t)
	master.Put("/etc/a b/'c'", []byte("one"), 0o640)
	f := begin(t)
	change(t, f, master, "/etc/a b/'c'", "two")
	change(t, f, master, "/etc/a b/'c'", "three")
	change(t, f, master, "/etc/new", "made by the fault")
	if err := f.Append(journal.Inverse{Op: journal.StartNode, Node: worker.Name()}); err != nil {
		t.Fatal(err)
	}
	worker.Running = false

	var order []string
	err := f.Revert(t.Context(), c, func(i journal.Inverse, err error) {
		order = append(order, strings.TrimSpace(fmt.Sprintf("%s %s %s", i.Op, i.Path, i.Preimage)))
	})
	want := []string{"start-node", "restore-file /etc/new", "restore-file /etc/a b/'c' two", "restore-file /etc/a b/'c' one"}
	if err != nil || !slices.Equal(order, want) {
		t.Fatalf("%v, order %q", err, order)
	}
	check := func() {
		t.Helper()
		assertFile(t, master, "/etc/a b/'c'", "one", 0o640)
		if _, err := os.Lstat(master.Host("/etc/new")); !os.IsNotExist(err) || !worker.Running {
			t.Errorf("the new file: %v; worker running: %v", err, worker.Running)
		}
	}
	check()
	calls := len(master.Calls)
	for _, again := range []*journal.File{f, reopen(t, f)} {
		if err := again.Revert(t.Context(), c, func(i journal.Inverse, err error) { t.Errorf("again: %v %v", i, err) }); err != nil {
			t.Error(err)
		}
	}
	if check(); len(master.Calls) != calls {
		t.Error("a finished journal touched the node again")
	}
}

func TestAnInverseAppliedButNotMarkedIsHarmlessAgain(t *testing.T) {
	c, master, _ := twoNodes(t)
	master.Put("/f", []byte("one"), 0o600)
	f := begin(t)
	change(t, f, master, "/f", "two")
	kept, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Revert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(master.Host("/f"))
	if err := os.WriteFile(f.Path(), kept, 0o600); err != nil { // as after a crash before the marker
		t.Fatal(err)
	}
	if err := reopen(t, f).Revert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	after, _ := os.Stat(master.Host("/f"))
	if !os.SameFile(before, after) {
		t.Error("a file that was right already was written again")
	}
	assertFile(t, master, "/f", "one", 0o600)
}

func TestWhatAKilledWriteLeftIsRemoved(t *testing.T) {
	c, master, _ := twoNodes(t)
	for path, content := range map[string]string{"/dir/f": "one", "/dir/.f.nov30": "half", "/dir/.new.nov30": "half"} {
		master.Put(path, []byte(content), 0o600)
	}
	f := begin(t)
	for _, path := range []string{"/dir/f", "/dir/new"} { // journaled, and killed before the change
		before, err := nodeop.Read(t.Context(), master, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Append(journal.Restore(master.Name(), before, []byte("never written"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Revert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(master.Host("/dir"))
	if err != nil || len(left) != 1 || left[0].Name() != "f" {
		t.Errorf("left %v, %v; want f alone", left, err)
	}
}

func TestWhatSomebodyChangedAfterTheFaultIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		after func(*journaltest.Node) // the fault
		want  string
	}{
		"nobody touched it":     {func(*journaltest.Node) {}, "healthy"},
		"a tool renewed it":     {func(n *journaltest.Node) { n.Put("/f", []byte("renewed, with a new key"), 0o600) }, "renewed, with a new key"},
		"a tool deleted it":     {func(n *journaltest.Node) { _ = os.Remove(n.Host("/f")) }, "healthy"},
		"it is as it was":       {func(n *journaltest.Node) { n.Put("/f", []byte("healthy"), 0o600) }, "healthy"},
		"broken the same again": {func(n *journaltest.Node) { n.Put("/f", []byte("expired"), 0o644) }, "healthy"},
	} {
		cluster, master, _ := twoNodes(t)
		master.Put("/f", []byte("healthy"), 0o600)
		f := begin(t)
		change(t, f, master, "/f", "expired")
		c.after(master)
		if err := f.Revert(t.Context(), cluster, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := master.Content("/f"); got != c.want {
			t.Errorf("%s: the file holds %q, want %q", name, got, c.want)
		}
		if err := f.Seal(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInterruptedRevertGoesOnInAnotherProcess(t *testing.T) {
	c, master, _ := twoNodes(t)
	f := begin(t)
	for _, p := range []string{"/1", "/2", "/3"} {
		master.Put(p, []byte("old"), 0o600)
		change(t, f, master, p, "new")
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := f.Revert(ctx, c, func(i journal.Inverse, err error) {
		if err == nil {
			cancel()
		}
	})
	var incomplete *journal.IncompleteError
	if !errors.As(err, &incomplete) || len(incomplete.Failed) != 2 || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want two inverses left over by the interrupt", err)
	}
	again := reopen(t, f)
	if got := again.Pending(); len(got) != 2 || got[0].Path != "/2" || got[1].Path != "/1" {
		t.Fatalf("pending %v", got)
	}
	if err := again.Revert(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/1", "/2", "/3"} {
		assertFile(t, master, p, "old", 0o600)
	}
}

func TestOneFailureStopsNoOtherAndIsNamedWithoutPreimage(t *testing.T) {
	c, master, worker := twoNodes(t)
	f := begin(t)
	for _, p := range []string{"/first", "/last"} {
		master.Put(p, []byte("old"), 0o600)
		change(t, f, master, p, "new")
		worker.Put("/it's", []byte("canary-secret"), 0o600)
		change(t, f, worker, "/it's", "x")
	}
	worker.Running = false
	heard := map[string]int{}
	err := f.Revert(t.Context(), c, func(i journal.Inverse, err error) { heard[fmt.Sprint(i.Node, i.Path, err != nil)]++ })
	assertFile(t, master, "/first", "old", 0o600)
	assertFile(t, master, "/last", "old", 0o600)
	var incomplete *journal.IncompleteError
	if !errors.As(err, &incomplete) || len(incomplete.Failed) != 2 {
		t.Fatalf("got %v, want two failures", err)
	}
	text := fmt.Sprintf("%v %+v", err, incomplete)
	for _, want := range []string{worker.Name(), f.Path(), "by hand:", "entry.seq==4", "in node " + worker.Name() + ": sh -c", `'/it'\''s'`, "chmod 0600"} {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not say %q: %s", want, text)
		}
	}
	if strings.Contains(text, "canary") || len(heard) != 3 || heard[worker.Name()+"/it'strue"] != 2 {
		t.Errorf("heard %v, error %s", heard, text)
	}
	if err := f.Seal(); !errors.Is(err, journal.ErrPending) {
		t.Errorf("sealed with pending inverses: %v", err)
	}
}

func TestAFileIsRestoredOnceItsNodeIsOnAgain(t *testing.T) {
	c, _, worker := twoNodes(t)
	worker.Put("/f", []byte("old"), 0o600)
	f := begin(t)
	if err := f.Append(journal.Inverse{Op: journal.StartNode, Node: worker.Name()}); err != nil {
		t.Fatal(err)
	}
	change(t, f, worker, "/f", "new") // reverted first, while the node is off
	worker.Running = false
	if err := f.Revert(t.Context(), c, func(i journal.Inverse, err error) {
		if err != nil {
			t.Errorf("%v: %v was told though it was mended", i, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	assertFile(t, worker, "/f", "old", 0o600)
}

func TestANewerPreimageNeverGoesOverAnOlderOne(t *testing.T) {
	c, master, _ := twoNodes(t)
	master.Put("/f", []byte("one"), 0o600)
	f := begin(t)
	change(t, f, master, "/f", "two")
	change(t, f, master, "/f", "three")
	master.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if !strings.Contains(strings.Join(argv, " "), "got=") {
			return run()
		}
		master.Intercept = nil // the first write, of "two", fails
		return nil, errors.New("connection lost")
	}
	if err := f.Revert(t.Context(), c, nil); err != nil {
		t.Errorf("the older inverse covers the newer one, yet: %v", err)
	}
	if err := reopen(t, f).Revert(t.Context(), c, nil); err != nil {
		t.Error(err)
	}
	assertFile(t, master, "/f", "one", 0o600)
}

func TestAChangeAfterARevertIsRevertedAgain(t *testing.T) {
	c, master, _ := twoNodes(t)
	master.Put("/f", []byte("one"), 0o600)
	f := begin(t)
	for range 2 {
		change(t, f, master, "/f", "two")
		if err := f.Revert(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		assertFile(t, master, "/f", "one", 0o600)
	}
}

func TestANodeThatLiesIsFoundOut(t *testing.T) {
	c, master, worker := twoNodes(t)
	master.Put("/f", []byte("old"), 0o600)
	f := begin(t)
	change(t, f, master, "/f", "new")
	master.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if strings.Contains(strings.Join(argv, " "), "got=") {
			return nil, nil // "written"
		}
		return run()
	}
	if err := f.Append(journal.Inverse{Op: journal.StartNode, Node: worker.Name()}); err != nil {
		t.Fatal(err)
	}
	worker.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) { return nil, errors.New("no bus") }
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := f.Revert(ctx, c, nil)
	var incomplete *journal.IncompleteError
	if !errors.As(err, &incomplete) || len(incomplete.Failed) != 2 || len(f.Pending()) != 2 {
		t.Fatalf("got %v, want both lies found out", err)
	}
}
