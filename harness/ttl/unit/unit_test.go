package unit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
)

// place is a node with the directory of a time limit.
func place(t *testing.T) (Unit, *journaltest.Node) {
	t.Helper()
	n := journaltest.New(t, node.ControlPlane).Directories[0]
	if err := os.MkdirAll(n.Host(Dir), 0o700); err != nil {
		t.Fatal(err)
	}
	return Unit{Dir: n.Host(Dir), Node: n, Clock: clockwork.NewRealClock()}, n
}

func meta(arm string) journal.Meta {
	return journal.Meta{Run: "r1", Scenario: "s", Arm: arm, Cluster: journaltest.Name, CASHA256: strings.Repeat("0", 64),
		APIServer: "https://127.0.0.1:6443", Created: time.Unix(1575109748, 0)}
}

// change journals a file's state in the node and then changes it, as a fault does.
func change(t *testing.T, u Unit, n *journaltest.Node, path, content string) {
	t.Helper()
	before, err := nodeop.Read(t.Context(), n, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Append(t.Context(), Request{meta("a"), journal.Restore(n.Name(), before, []byte(content))}); err != nil {
		t.Fatal(err)
	}
	n.Put(path, []byte(content), 0o644)
}

func journals(t *testing.T, u Unit) []journal.Listed {
	t.Helper()
	found, err := journal.List(u.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestARevertPutsEverythingBackMarksItAndEndsTheJournal(t *testing.T) {
	u, n := place(t)
	n.Put("/pki/server.crt", []byte("healthy"), 0o600)
	change(t, u, n, "/pki/server.crt", "expired")
	change(t, u, n, "/pki/server.crt", "more expired")
	change(t, u, n, "/pki/new", "made by the fault")
	var heard []string
	if err := u.Revert(t.Context(), func(i journal.Inverse, err error) { heard = append(heard, fmt.Sprint(i.Path, err)) }); err != nil {
		t.Fatal(err)
	}
	if got := n.Content("/pki/server.crt"); got != "healthy" || n.Content("/pki/new") != "" || len(journals(t, u)) != 0 || len(heard) != 3 {
		t.Errorf("the file holds %q, journals %v, heard %q", got, journals(t, u), heard)
	}
	m, err := u.readMark()
	if err != nil || m == nil || len(m.Reverted) != 3 || m.Error != "" || !strings.Contains(m.Reverted[0], "/pki/new") {
		t.Fatalf("mark %+v, %v", m, err)
	}
	first := *m
	u.Clock = clockwork.NewFakeClockAt(m.At.Add(time.Hour)) // fires again after a restart of the node
	if err := u.Revert(t.Context(), func(i journal.Inverse, _ error) { t.Errorf("again: %v", i) }); err != nil {
		t.Error(err)
	}
	if m, err := u.readMark(); err != nil || !m.At.Equal(first.At) || len(m.Reverted) != 3 {
		t.Errorf("after the second time the mark is %+v, %v", m, err)
	}
}

func TestWhatAToolRepairedIsLeftAlone(t *testing.T) {
	u, n := place(t)
	n.Put("/f", []byte("healthy"), 0o600)
	change(t, u, n, "/f", "expired")
	n.Put("/f", []byte("renewed, with a new key"), 0o600)
	if err := u.Revert(t.Context(), nil); err != nil || n.Content("/f") != "renewed, with a new key" {
		t.Errorf("%v; the file holds %q", err, n.Content("/f"))
	}
}

func TestALimitThatFiresOverNothingIsMarkedToo(t *testing.T) {
	u, _ := place(t)
	if err := u.Revert(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if m, err := u.readMark(); err != nil || m == nil || m.Reverted == nil {
		t.Errorf("mark %+v, %v", m, err)
	}
}

func TestNothingIsAppendedOnceTheLimitHasFired(t *testing.T) {
	u, n := place(t)
	q := Request{meta("a"), journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: "/f", Absent: true}}
	for _, when := range []string{"with no journal yet", "with a journal"} {
		if err := u.Revert(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := u.Append(t.Context(), q); !errors.Is(err, ErrFired) {
			t.Errorf("%s: %v", when, err)
		}
		if len(journals(t, u)) != 0 {
			t.Errorf("%s: a journal was begun", when)
		}
		if when == "with no journal yet" { // the next round
			if err := errors.Join(os.Remove(filepath.Join(u.Dir, markName)), u.Append(t.Context(), q)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// firing is a clock with a ticker that fires the limit: it is asked for while Append waits for the journal.
type firing struct {
	clockwork.Clock
	fire func()
}

func (f firing) NewTicker(d time.Duration) clockwork.Ticker { f.fire(); return f.Clock.NewTicker(d) }

func TestAnAppendThatTheLimitOvertakesIsAnError(t *testing.T) {
	u, n := place(t)
	overtaken := u
	overtaken.Clock = firing{u.Clock, func() {
		if _, err := u.fire(); err != nil {
			t.Error(err)
		}
	}}
	q := Request{meta("a"), journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: "/f", Absent: true}}
	if err := overtaken.Append(t.Context(), q); !errors.Is(err, ErrFired) {
		t.Errorf("got %v: the fault would go on with its change", err)
	}
}

func TestAJournalThatIsHeldIsWaitedFor(t *testing.T) {
	u, n := place(t)
	n.Put("/f", []byte("healthy"), 0o644)
	change(t, u, n, "/f", "expired")
	held, err := journal.Open(journals(t, u)[0].Path) // as an append or a revert at the same time does
	if err != nil {
		t.Fatal(err)
	}
	clock := clockwork.NewFakeClock()
	u.Clock = clock
	done := make(chan error, 1)
	go func() { done <- u.Revert(t.Context(), nil) }()
	if err := clock.BlockUntilContext(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Advance(20 * time.Millisecond)
	if err := <-done; err != nil || n.Content("/f") != "healthy" {
		t.Errorf("%v; the file holds %q", err, n.Content("/f"))
	}
}

func TestAJournalThatStaysHeldIsAnError(t *testing.T) {
	u, n := place(t)
	n.Put("/f", []byte("healthy"), 0o644)
	change(t, u, n, "/f", "expired")
	held, err := journal.Open(journals(t, u)[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	clock := clockwork.NewFakeClock()
	u.Clock = clock
	done := make(chan error, 1)
	go func() { done <- u.Revert(t.Context(), nil) }()
	if err := clock.BlockUntilContext(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	clock.Advance(holdWithin)
	if err := <-done; !errors.Is(err, journal.ErrInUse) {
		t.Errorf("got %v", err)
	}
	if m, err := u.readMark(); err != nil || !strings.Contains(m.Error, "holds the journal") {
		t.Errorf("mark %+v, %v", m, err)
	}
}

func TestAFailedRevertSaysSoInTheMarkAndIsCompletedByTheNext(t *testing.T) {
	u, n := place(t)
	for _, f := range []string{"/good", "/bad"} {
		n.Put(f, []byte("canary-secret"), 0o600)
		change(t, u, n, f, "expired")
	}
	n.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if strings.Contains(strings.Join(argv, " "), "got=") && strings.Contains(strings.Join(argv, " "), "/bad") {
			return nil, errors.New("no space left")
		}
		return run()
	}
	var incomplete *journal.IncompleteError
	if err := u.Revert(t.Context(), nil); !errors.As(err, &incomplete) || len(incomplete.Failed) != 1 {
		t.Fatalf("got %v", err)
	}
	m, err := u.readMark()
	if err != nil || len(m.Reverted) != 1 || !strings.Contains(m.Error, "/bad") || len(journals(t, u)) != 1 {
		t.Fatalf("mark %+v, %v", m, err)
	}
	if text, _ := json.Marshal(m); strings.Contains(string(text), "canary") {
		t.Errorf("the mark holds a preimage: %s", text)
	}
	n.Intercept = nil
	if err := u.Revert(t.Context(), nil); err != nil || n.Content("/bad") != "canary-secret" || len(journals(t, u)) != 0 {
		t.Errorf("%v; the file holds %q", err, n.Content("/bad"))
	}
	if m, err = u.readMark(); err != nil || len(m.Reverted) != 2 || m.Error != "" {
		t.Errorf("mark %+v, %v", m, err)
	}
}

func TestAMarkThatCannotBeWrittenKeepsNothingFromBeingUndone(t *testing.T) {
	u, n := place(t)
	n.Put("/f", []byte("healthy"), 0o644)
	change(t, u, n, "/f", "expired")
	if err := os.Mkdir(filepath.Join(u.Dir, markName), 0o700); err != nil { // in its way
		t.Fatal(err)
	}
	if err := u.Revert(t.Context(), nil); err == nil || n.Content("/f") != "healthy" {
		t.Errorf("%v; the file holds %q", err, n.Content("/f"))
	}
	q := Request{meta("a"), journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: "/g", Absent: true}}
	if err := u.Append(t.Context(), q); err == nil {
		t.Error("appended where it is unknown whether the limit has fired")
	}
}

func TestAppendRefusesWhatIsNotThisNodes(t *testing.T) {
	u, n := place(t)
	file := journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: "/f", Absent: true}
	if err := u.Append(t.Context(), Request{meta("a"), file}); err != nil {
		t.Fatal(err)
	}
	foreign := file
	foreign.Node = "other"
	if err := u.Append(t.Context(), Request{meta("a"), foreign}); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("another node's inverse: %v", err)
	}
	if err := u.Append(t.Context(), Request{meta("b"), file}); !errors.Is(err, ErrOtherArm) {
		t.Errorf("another arm's inverse: %v", err)
	}
	relative := file
	relative.Path = "f"
	if err := u.Append(t.Context(), Request{meta("a"), relative}); err == nil {
		t.Error("an inverse that could not be applied was taken")
	}
	if found := journals(t, u); len(found) != 1 || found[0].Pending != 1 || found[0].Meta.Arm != "a" {
		t.Errorf("journals %+v", found)
	}
}

func TestNothingIsBegunWhereThereIsNoLimit(t *testing.T) {
	u, n := place(t)
	u.Dir = filepath.Join(t.TempDir(), "absent")
	_, statusErr := u.Status(t.Context())
	for what, err := range map[string]error{
		"append": u.Append(t.Context(), Request{meta("a"), journal.Inverse{Op: journal.RestoreFile, Node: n.Name(), Path: "/f", Absent: true}}),
		"revert": u.Revert(t.Context(), nil), "status": statusErr,
	} {
		if !errors.Is(err, ErrNotHere) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(u.Dir); !os.IsNotExist(err) {
		t.Errorf("%s was made", u.Dir)
	}
}

func TestLocalRunsCommandsHere(t *testing.T) {
	n := Local("here")
	out, err := n.Exec(t.Context(), strings.NewReader("in"), "sh", "-c", `cat; echo "$1"; echo "$2" >&2`, "sh", "out", "err")
	if err != nil || string(out) != "inout\n" {
		t.Errorf("%q, %v", out, err)
	}
	_, err = n.Exec(t.Context(), nil, "sh", "-c", "echo out; echo err >&2; exit 3")
	var failed *node.ExecError
	if !errors.As(err, &failed) || failed.Node != "here" || string(failed.Stdout) != "out\n" || string(failed.Stderr) != "err\n" {
		t.Errorf("got %#v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := n.Exec(ctx, nil, "sleep", "60"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
