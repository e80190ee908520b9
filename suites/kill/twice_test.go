package kill

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/nov30/nov30/harness/journal"
)

func TestASecondRevertChangesNothing(t *testing.T) {
	g, err := newGround(t, filepath.Join(t.TempDir(), "run"), healthy(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.end(t.Context(), 0); err != nil {
			t.Error(err)
		}
	})
	a, err := g.begin(t, theFaults()...)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(a.Revert(t.Context(), g.c, nil), a.Seal()); err != nil {
		t.Fatal(err)
	}
	assertLeft(t, g)
	once := g.inodes(t)
	if err := os.WriteFile(a.Path(), saved, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := journal.Open(a.Path())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.Pending()); n != 6 {
		t.Fatalf("%d inverses to apply again, want 6", n)
	}
	if err := errors.Join(f.Revert(t.Context(), g.c, nil), f.Seal()); err != nil {
		t.Fatal(err)
	}
	assertLeft(t, g)
	if twice := g.inodes(t); !maps.Equal(once, twice) {
		t.Errorf("the second revert wrote what was in order: %q", differences(once, twice))
	}
}

// inodes tell a file or a boot from a new one with the same content.
func (g *ground) inodes(t *testing.T) map[string]string {
	t.Helper()
	all, err := g.snapshot(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range g.c.Machines() {
		all["process 1 of "+m.Name()] = m.Content("/proc/1/stat")
	}
	return all
}
