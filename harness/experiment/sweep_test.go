package experiment

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// leftover answers with one cluster of the run run1, and deletes it.
const leftover = `'network ls '*) echo nov30-a; exit;; 'network inspect '*) echo run1; exit;; 'ps '*) echo c1; exit;; 'rm '*|'network rm nov30-a') exit;;`

// swept is a result with one thing in one of its lists; the others are empty, not absent.
func swept(list, what string) Swept {
	s := Swept{Reverted: []string{}, Deleted: []string{}, Kept: []string{}, Busy: []string{}}
	if into := map[string]*[]string{"Reverted": &s.Reverted, "Deleted": &s.Deleted, "Kept": &s.Kept, "Busy": &s.Busy}[list]; into != nil {
		*into = []string{what}
	}
	return s
}

func TestSweepOfNothingOnlyLooks(t *testing.T) {
	b := newBench(t, `'network ls '*) exit;;`)
	s, err := b.sweep(t, true)
	if err != nil || !reflect.DeepEqual(s, swept("", "")) || len(b.calls()) != 1 || len(b.said) > 0 {
		t.Errorf("swept %+v, %v; ran %v, said %v", s, err, b.calls(), b.said)
	}
}

func TestSweepDeletesTheClusterOfADeadRunAndForgetsTheRun(t *testing.T) {
	b := newBench(t, leftover)
	release, err := b.home.Hold("run1")
	if err != nil {
		t.Fatal(err)
	}
	release()
	lock := filepath.Join(b.home.runs(), "run1.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil { // as a killed process leaves it
		t.Fatal(err)
	}
	s, err := b.sweep(t, false)
	if err != nil || !reflect.DeepEqual(s, swept("Deleted", "nov30-a")) || !b.ran("rm --force --volumes c1") || !b.ran("network rm nov30-a") {
		t.Errorf("swept %+v, %v; ran %v", s, err, b.calls())
	}
	if _, err := os.Stat(lock); !os.IsNotExist(err) {
		t.Errorf("the dead run's lock file is still there: %v", err)
	}
}

func TestSweepLeavesTheClusterOfALivingRunAloneEvenWithAll(t *testing.T) {
	for _, all := range []bool{false, true} {
		b := newBench(t, leftover)
		release, err := b.home.Hold("run1")
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.sweep(t, all)
		if err != nil || !reflect.DeepEqual(s, swept("Busy", "nov30-a")) || len(b.calls()) != 2 {
			t.Errorf("all %v: swept %+v, %v; ran %v", all, s, err, b.calls())
		}
		release()
	}
}

func TestSweepLeavesAKeptClusterAloneUnlessItIsToldAll(t *testing.T) {
	b := newBench(t, leftover)
	if err := b.home.Keep("nov30-a", filepath.Join(t.TempDir(), "kubeconfig")); err != nil {
		t.Fatal(err)
	}
	s, err := b.sweep(t, false)
	if err != nil || !reflect.DeepEqual(s, swept("Kept", "nov30-a")) || b.ran("rm --force") {
		t.Fatalf("swept %+v, %v; ran %v", s, err, b.calls())
	}
	s, err = b.sweep(t, true)
	if err != nil || !reflect.DeepEqual(s, swept("Deleted", "nov30-a")) || b.home.isKept("nov30-a") {
		t.Errorf("with all: swept %+v, %v", s, err)
	}
}

func TestSweepDiscardsAJournalWhoseClusterIsGone(t *testing.T) {
	b := newBench(t, `'network ls '*) exit;;`)
	j := b.leftBroken(t, "run1", "nov30-gone")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := b.sweep(t, false)
	if err != nil || !reflect.DeepEqual(s, swept("Reverted", j.Path())) {
		t.Errorf("swept %+v, %v", s, err)
	}
	if _, err := os.Stat(j.Path()); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
	if said := strings.Join(b.said, "\n"); !strings.Contains(said, "run1, s-one/treated: 1 inverses") || !strings.Contains(said, "nov30-gone") {
		t.Errorf("said %q", said)
	}
}

func TestSweepKeepsAJournalOfWhichTheEngineDoesNotAnswer(t *testing.T) {
	b := newBench(t, `'network ls '*) echo 'Cannot connect' >&2; exit 1;;`)
	j := b.leftBroken(t, "run1", "nov30-a")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := b.sweep(t, true); err == nil || len(s.Reverted) > 0 {
		t.Errorf("swept %+v, %v", s, err)
	}
	if _, err := os.Stat(j.Path()); err != nil {
		t.Errorf("the only way back was thrown away: %v", err)
	}
}

func TestSweepLeavesAJournalThatIsHeldAlone(t *testing.T) {
	b := newBench(t, `'network ls '*) exit;;`)
	j := b.leftBroken(t, "run1", "nov30-gone")
	defer j.Close()
	s, err := b.sweep(t, true)
	if err != nil || !reflect.DeepEqual(s, swept("Busy", j.Path())) {
		t.Errorf("swept %+v, %v", s, err)
	}
}

func TestSweepNamesAJournalThatItCannotReadAndGoesOn(t *testing.T) {
	b := newBench(t, leftover)
	j := b.leftBroken(t, "run1", "nov30-b")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(j.Path(), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := b.sweep(t, false)
	if err == nil || !strings.Contains(err.Error(), j.Path()) || len(s.Reverted) > 0 {
		t.Errorf("swept %+v, %v; want an error that names the journal", s, err)
	}
	if !reflect.DeepEqual(s.Deleted, []string{"nov30-a"}) {
		t.Errorf("the damaged journal kept a dead cluster alive: %+v", s)
	}
}

func TestADeletionThatFailsIsAnErrorAndNotListedAsDone(t *testing.T) {
	b := newBench(t, `'network ls '*) echo nov30-a; exit;; 'network inspect '*) echo run1; exit;; 'ps '*) exit;; 'network rm '*) echo 'has active endpoints' >&2; exit 1;;`)
	if err := b.home.Keep("nov30-a", filepath.Join(t.TempDir(), "kubeconfig")); err != nil {
		t.Fatal(err)
	}
	s, err := b.sweep(t, true)
	if err == nil || len(s.Deleted) > 0 || !b.home.isKept("nov30-a") {
		t.Errorf("swept %+v, %v", s, err)
	}
}

func TestDeadAreTheClustersThatNobodyHoldsOrKeeps(t *testing.T) {
	b := newBench(t, `'network ls '*) printf 'nov30-a\nnov30-b\nnov30-c\n'; exit;;
'network inspect '*nov30-a) echo run1; exit;; 'network inspect '*nov30-b) echo run2; exit;; 'network inspect '*nov30-c) echo run3; exit;;`)
	release, err := b.home.Hold("run2")
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := b.home.Keep("nov30-c", filepath.Join(t.TempDir(), "kubeconfig")); err != nil {
		t.Fatal(err)
	}
	dead, err := Dead(t.Context(), b.Engine, b.home)
	if err != nil || !reflect.DeepEqual(dead, []string{"nov30-a"}) || !strings.Contains(b.calls()[0], "label=nov30.home="+b.home.ID()) {
		t.Errorf("dead %v, %v; ran %v", dead, err, b.calls())
	}
}
