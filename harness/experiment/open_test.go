package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jonboulle/clockwork"
)

func TestARunDoesNotBeginOverAnOpenJournal(t *testing.T) {
	b := newBench(t, "")
	j := b.leftBroken(t, "r1", "nov30-r1-1")
	release, err := b.home.Hold("r1")
	if err != nil {
		t.Fatal(err)
	}
	if path, _, err := b.home.openJournal(); path != "" || err != nil {
		t.Errorf("the journal of a living run is in the way: %s %v", path, err)
	}
	release()
	if path, busy, err := b.home.openJournal(); path != j.Path() || !busy || err != nil {
		t.Errorf("somebody is reverting a dead run's journal: %s %v %v", path, busy, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.home.awaitNoOpenJournal(t.Context(), clockwork.NewFakeClock()); !errors.Is(err, ErrOpenJournal) {
		t.Errorf("an open journal that nobody is at work on: %v", err)
	}
	if err := os.Remove(j.Path()); err != nil {
		t.Fatal(err)
	}
	if err := b.home.awaitNoOpenJournal(t.Context(), clockwork.NewFakeClock()); err != nil {
		t.Error(err)
	}
}

func TestASweepOfOneRunLeavesTheOthers(t *testing.T) {
	b := newBench(t, `'network ls '*) exit;;`)
	for _, run := range []string{"r1", "r2"} {
		if err := b.leftBroken(t, run, "nov30-"+run+"-1").Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(b.home.runs(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(b.home.runs(), run+".lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	swept, err := Sweep(t.Context(), b.Provider, b.home, Scope{Run: "r1"}, func(string) {})
	if err != nil || len(swept.Reverted) != 1 {
		t.Fatalf("%+v, %v", swept, err)
	}
	for run, want := range map[string]bool{"r1": false, "r2": true} {
		_, err := os.Stat(filepath.Join(b.home.runs(), run+".lock"))
		if (err == nil) != want {
			t.Errorf("lock of %s: %v", run, err)
		}
	}
	if path, _, _ := b.home.openJournal(); filepath.Base(path) != "r2.s-one.treated.journal" {
		t.Errorf("left: %s", path)
	}
}

func TestARunThatBeginsWhileASweepForgetsKeepsItsLock(t *testing.T) {
	b := newBench(t, "")
	for range 50 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 20 {
				_ = b.home.forgetDead("")
			}
		}()
		release, err := b.home.Hold("r1")
		if err == nil {
			if !living(t, b.home, "r1") {
				t.Fatal("the run holds a lock that nobody sees")
			}
			release()
		}
		<-done
	}
}
