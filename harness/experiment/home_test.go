package experiment

import (
	"os"
	"path/filepath"
	"testing"
)

func living(t *testing.T, h Home, run string) bool {
	t.Helper()
	alive, err := h.Alive(run)
	if err != nil {
		t.Fatal(err)
	}
	return alive
}

func TestARunIsAliveWhileItIsHeldAndHeldByOneAlone(t *testing.T) {
	h := Home{Dir: t.TempDir()}
	if living(t, h, "run1") {
		t.Error("a run that never was is alive")
	}
	release, err := h.Hold("run1")
	if err != nil {
		t.Fatal(err)
	}
	if !living(t, h, "run1") || living(t, h, "run2") {
		t.Error("the held run is not the living one")
	}
	if _, err := h.Hold("run1"); err == nil {
		t.Error("two hold one run")
	}
	if !living(t, h, "run1") {
		t.Error("who was refused has ended the holder's run")
	}
	other, err := h.Hold("run2")
	if err != nil {
		t.Fatalf("two runs at once: %v", err)
	}
	release()
	if living(t, h, "run1") || !living(t, h, "run2") {
		t.Error("the wrong run has ended")
	}
	other()
	again, err := h.Hold("run1")
	if err != nil {
		t.Fatalf("held again: %v", err)
	}
	again()
}

func TestALockFileWithoutAProcessIsNoLivingRunAndIsForgotten(t *testing.T) {
	h := Home{Dir: t.TempDir()}
	release, err := h.Hold("other")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	path := filepath.Join(h.runs(), "dead.lock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if living(t, h, "dead") {
		t.Error("a dead run is alive")
	}
	h.forget("dead")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("not forgotten: %v", err)
	}
	if !living(t, h, "other") {
		t.Error("another run was forgotten")
	}
}

func TestKeepLastsUntilUnkeepAndIsPerCluster(t *testing.T) {
	h := Home{Dir: t.TempDir()}
	if h.isKept("nov30-a") {
		t.Error("kept from the start")
	}
	if err := h.Keep("nov30-a", filepath.Join(t.TempDir(), "kubeconfig")); err != nil {
		t.Fatal(err)
	}
	if !h.isKept("nov30-a") || h.isKept("nov30-b") {
		t.Error("the wrong cluster is kept")
	}
	_ = h.unkeep("../kept/nov30-a") // a name with a path in it names no cluster
	if !h.isKept("nov30-a") {
		t.Error("a path was followed")
	}
	if err := h.unkeep("nov30-a"); err != nil {
		t.Error(err)
	}
	if h.isKept("nov30-a") {
		t.Error("still kept")
	}
}

func TestIDTellsStateDirectoriesApart(t *testing.T) {
	if a, b := (Home{Dir: "/a"}).ID(), (Home{Dir: "/b"}).ID(); a == b || a != (Home{Dir: "/a"}).ID() || len(a) != 12 {
		t.Errorf("IDs %s and %s", a, b)
	}
}

func TestAKeptClustersKeyGoesWithIt(t *testing.T) {
	for name, remains := range map[string]bool{"kubeconfig": false, "config": true} { // never anybody else's file
		h := Home{Dir: t.TempDir()}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := h.Keep("nov30-a", path); err != nil {
			t.Fatal(err)
		}
		if err := h.unkeep("nov30-a"); err != nil || h.isKept("nov30-a") {
			t.Errorf("%s: %v, kept %v", name, err, h.isKept("nov30-a"))
		}
		if _, err := os.Stat(path); (err == nil) != remains {
			t.Errorf("%s: remains %v, want %v", name, err == nil, remains)
		}
	}
	if err := (Home{Dir: t.TempDir()}).unkeep("nov30-never-kept"); err != nil {
		t.Error(err)
	}
}
