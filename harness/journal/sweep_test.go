package journal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

// stranger is the same cluster by another name.
type stranger struct{ cluster.Cluster }

func (stranger) Name() string { return "production" }

func TestAnotherClusterIsNotTouched(t *testing.T) {
	c, master, _ := twoNodes(t)
	f := begin(t)
	change(t, f, master, "/f", "new")
	calls := len(master.Calls)
	if err := f.Revert(t.Context(), stranger{c}, nil); !errors.Is(err, journal.ErrForeignCluster) || len(master.Calls) != calls {
		t.Errorf("got %v after %d commands", err, len(master.Calls)-calls)
	}
}

func TestADamagedEntryLeavesTheRevertIncomplete(t *testing.T) {
	c, master, _ := twoNodes(t)
	f := begin(t)
	for _, p := range []string{"/1", "/2", "/3"} {
		master.Put(p, []byte("old"), 0o600)
		change(t, f, master, p, "new")
	}
	data, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(data, []byte(`"path":"/2"`), []byte(`"path":"/1"`), 1)
	if err := os.WriteFile(f.Path(), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	f = reopen(t, f)
	err = f.Revert(t.Context(), c, nil)
	var incomplete *journal.IncompleteError
	if !errors.As(err, &incomplete) || len(incomplete.Failed) != 0 || len(incomplete.Lost) != 1 || !strings.Contains(err.Error(), "entry 2") {
		t.Fatalf("got %v, want entry 2 missed", err)
	}
	assertFile(t, master, "/1", "old", 0o600)
	assertFile(t, master, "/3", "old", 0o600)
	if err := f.Seal(); !errors.Is(err, journal.ErrPending) {
		t.Errorf("sealed with a damaged entry: %v", err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
}

func TestSealEndsAJournalForEveryone(t *testing.T) {
	c, master, _ := twoNodes(t)
	f := begin(t)
	change(t, f, master, "/f", "new")
	if err := errors.Join(f.Revert(t.Context(), c, nil), f.Seal()); err != nil {
		t.Fatal(err)
	}
	if listed, err := journal.List(filepath.Dir(f.Path())); err != nil || len(listed) != 0 {
		t.Errorf("a sealed journal is listed: %v, %v", listed, err)
	}
	if _, err := journal.Open(f.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a sealed journal was opened: %v", err)
	}
	if err := f.Append(journal.Inverse{Op: journal.StartNode, Node: master.Name()}); err == nil {
		t.Error("a sealed journal was written to")
	}
}

func TestSweepWithNothingButTheDirectory(t *testing.T) {
	c, master, _ := twoNodes(t)
	master.Put("/f", []byte("old"), 0o600)
	f := begin(t)
	change(t, f, master, "/f", "new")
	if err := f.Close(); err != nil { // the process is gone
		t.Fatal(err)
	}
	listed, err := journal.List(filepath.Dir(f.Path()))
	if err != nil || len(listed) != 1 || listed[0].InUse || listed[0].Err != nil || listed[0].Meta.Cluster != journaltest.Name {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	found, err := journal.Open(listed[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(found.Revert(t.Context(), c, nil), found.Seal()); err != nil {
		t.Fatal(err)
	}
	assertFile(t, master, "/f", "old", 0o600)
}
