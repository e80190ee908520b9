package ttl

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
	limit "github.com/nov30/nov30/harness/ttl/unit"
)

// change is a fault: it journals a file's state, then changes the file.
func change(t *testing.T, j journal.Journal, n *journaltest.Node, path, content string) {
	t.Helper()
	before, err := nodeop.Read(t.Context(), n, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(journal.Restore(n.Name(), before, []byte(content))); err != nil {
		t.Fatal(err)
	}
	n.Put(path, []byte(content), 0o644)
}

func TestALimitThatFiresUndoesTheChangesOfItsNodeAndIsFoundOut(t *testing.T) {
	b := newBench(t)
	host := &journaltest.Journal{}
	for _, n := range b.Directories {
		n.Put("/pki/server.crt", []byte("healthy"), 0o600)
	}
	l := b.arm(t)
	for _, n := range b.Directories {
		change(t, l.Journal(host), n, "/pki/server.crt", "expired")
	}
	if err := l.Check(t.Context()); err != nil {
		t.Fatalf("armed and not fired: %v", err)
	}
	if err := b.systemd[b.master.Name()].fire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.master.Content("/pki/server.crt") != "healthy" || b.worker.Content("/pki/server.crt") != "expired" {
		t.Errorf("master %q, worker %q", b.master.Content("/pki/server.crt"), b.worker.Content("/pki/server.crt"))
	}
	err := l.Check(t.Context())
	if !errors.Is(err, ErrFired) || !strings.Contains(err.Error(), b.master.Name()+": ") || !strings.Contains(err.Error(), "/pki/server.crt") ||
		!strings.Contains(err.Error(), time.Now().UTC().Format("2006-01-02T")) || strings.Contains(err.Error(), b.worker.Name()) {
		t.Errorf("got %v", err)
	}
	if err := l.Journal(host).Append(host.Inverses[0]); err == nil || !strings.Contains(err.Error(), "fired") {
		t.Errorf("a change after the limit fired: %v", err)
	}
	if len(host.Inverses) != 3 {
		t.Errorf("the host's journal holds %d inverses", len(host.Inverses))
	}
}

func TestTheHostsJournalComesFirstAndEitherErrorStopsTheFault(t *testing.T) {
	b := newBench(t)
	l := b.arm(t)
	var pending []int
	host := &journaltest.Journal{Before: func(journal.Inverse) {
		s, err := ask(t.Context(), b.master)
		if err != nil {
			t.Error(err)
		}
		pending = append(pending, s.Pending)
	}}
	j := l.Journal(host)
	inverse := func(n string) journal.Inverse {
		return journal.Inverse{Op: journal.RestoreFile, Node: n, Path: "/f", Preimage: []byte("canary-secret"), Mode: 0o600}
	}
	for range 2 {
		if err := j.Append(inverse(b.master.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(pending, []int{0, 1}) {
		t.Errorf("when the host's journal was written the node's held %v", pending)
	}
	if err := j.Append(journal.Inverse{Op: journal.StartNode, Node: b.worker.Name()}); err != nil || len(host.Inverses) != 3 {
		t.Errorf("a node cannot power itself on, its inverse is the host's: %v, %d inverses", err, len(host.Inverses))
	}
	if s, err := ask(t.Context(), b.worker); err != nil || s.Pending != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, call := range slices.Concat(b.master.Calls, b.worker.Calls) {
		if strings.Contains(strings.Join(call, " "), "canary") {
			t.Errorf("a preimage among arguments, which ps shows: %q", call)
		}
	}

	calls := len(b.master.Calls)
	host.Fails, host.Before = len(host.Inverses)+1, nil
	if err := j.Append(inverse(b.master.Name())); !errors.Is(err, journaltest.ErrFull) || len(b.master.Calls) != calls {
		t.Errorf("the host's journal failed: %v, %d calls to the node", err, len(b.master.Calls)-calls)
	}
	host.Fails = 0
	if err := j.Append(inverse("elsewhere")); err == nil {
		t.Error("an inverse of a node that is not in the cluster was taken")
	}
	b.master.Running = false
	if err := j.Append(inverse(b.master.Name())); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("the node's journal failed: %v", err)
	}
}

func TestANodeWithoutAReceiptHasNothingOnDisk(t *testing.T) {
	b := newBench(t)
	l := b.arm(t)
	other := string(`{"sha256":"` + strings.Repeat("0", 64) + `"}`)
	for _, lie := range []string{"", "ok", "{}", other} {
		b.master.Intercept = func([]string, func() ([]byte, error)) ([]byte, error) { return []byte(lie), nil }
		err := l.Journal(&journaltest.Journal{}).Append(journal.Inverse{Op: journal.RestoreFile, Node: b.master.Name(), Path: "/f", Absent: true})
		if !errors.Is(err, ErrNoReceipt) {
			t.Errorf("the node said %q: %v", lie, err)
		}
	}
}

func TestARestartedNodeIsStillArmed(t *testing.T) {
	b := newBench(t)
	b.worker.Put("/f", []byte("healthy"), 0o600)
	l := b.arm(t)
	change(t, l.Journal(&journaltest.Journal{}), b.worker, "/f", "broken")
	if err := b.systemd[b.worker.Name()].reboot(); err != nil {
		t.Fatal(err)
	}
	if err := l.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := b.systemd[b.worker.Name()].fire(t.Context()); err != nil || b.worker.Content("/f") != "healthy" {
		t.Errorf("%v; the file holds %q", err, b.worker.Content("/f"))
	}
}

// checkInTheEnd is Check, with the time over that a node is given to boot.
func checkInTheEnd(t *testing.T, l *Limit) error {
	t.Helper()
	clock := clockwork.NewFakeClock()
	l.clock = clock
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for clock.BlockUntilContext(ctx, 2) == nil { // a node's limit and its ticker
			clock.Advance(askWithin)
		}
	}()
	return l.Check(t.Context())
}

func TestNotBeingSureIsAnError(t *testing.T) {
	for what, spoil := range map[string]func(*bench){
		"the node is off":            func(b *bench) { b.worker.Running = false },
		"systemd is silent":          func(b *bench) { b.systemd[b.worker.Name()].refuses["show"] = errors.New("no bus") },
		"somebody stopped the timer": func(b *bench) { delete(b.systemd[b.worker.Name()].state, limit.TimerName) },
		"somebody disabled it":       func(b *bench) { _ = os.Remove(b.worker.Host(limit.WantsDir + "/" + limit.TimerName)) },
		"the program is gone":        func(b *bench) { _ = os.Remove(b.worker.Host(limit.Program)) },
		"the timer elapsed, no mark": func(b *bench) { b.systemd[b.worker.Name()].state[limit.TimerName] = "active/elapsed" },
		"the program says nothing": func(b *bench) {
			b.worker.Intercept = func([]string, func() ([]byte, error)) ([]byte, error) { return nil, nil }
		},
		"the program says {}": func(b *bench) {
			b.worker.Intercept = func([]string, func() ([]byte, error)) ([]byte, error) { return []byte("{}"), nil }
		},
	} {
		b := newBench(t)
		l := b.arm(t)
		spoil(b)
		if err := checkInTheEnd(t, l); err == nil || !strings.Contains(err.Error(), b.worker.Name()) || strings.Contains(err.Error(), b.master.Name()) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCheckWaitsForANodeThatBoots(t *testing.T) {
	b := newBench(t)
	l := b.arm(t)
	asked := 0
	b.worker.Intercept = func(_ []string, run func() ([]byte, error)) ([]byte, error) {
		if asked++; asked == 1 {
			return nil, errors.New("Failed to connect to bus")
		}
		return run()
	}
	if err := l.Check(t.Context()); err != nil || asked < 2 {
		t.Errorf("%v after %d questions", err, asked)
	}
}

func TestDisarmLeavesNothingAndCanBeRepeated(t *testing.T) {
	b := newBench(t)
	if err := Disarm(t.Context(), b); err != nil {
		t.Fatalf("nodes that never had a limit: %v", err)
	}
	l := b.arm(t)
	change(t, l.Journal(&journaltest.Journal{}), b.master, "/f", "new")
	if err := b.systemd[b.worker.Name()].fire(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.systemd[b.master.Name()].state[limit.ServiceName] = "activating/start" // it reverts right now
	for range 2 {
		if err := Disarm(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		for _, n := range b.Directories {
			if left := files(t, n); len(left) > 0 || len(b.systemd[n.Name()].state) > 0 {
				t.Errorf("%s: left %q, units %v", n.Name(), left, b.systemd[n.Name()].state)
			}
			if _, err := os.Stat(n.Host(limit.WantsDir + "/other.timer")); err != nil {
				t.Error(err)
			}
		}
	}
	b.arm(t) // and it can be armed again
}

func TestDisarmEndsHalfALimit(t *testing.T) {
	for what, half := range map[string]func(*bench){
		"the files are gone, the timer counts": func(b *bench) {
			for _, f := range unitFiles() {
				_ = os.Remove(b.master.Host(f))
			}
		},
		"only the files": func(b *bench) { clear(b.systemd[b.master.Name()].state) },
		"no program":     func(b *bench) { _ = os.Remove(b.master.Host(limit.Program)) },
		"a service that failed and waits": func(b *bench) {
			b.systemd[b.master.Name()].state[limit.ServiceName] = "activating/auto-restart"
		},
	} {
		b := newBench(t)
		b.arm(t)
		half(b)
		if err := Disarm(t.Context(), b); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if left := files(t, b.master); len(left) > 0 || len(b.systemd[b.master.Name()].state) > 0 {
			t.Errorf("%s: left %q, units %v", what, left, b.systemd[b.master.Name()].state)
		}
	}
}

func TestDisarmThatCannotIsAnErrorAndKeepsTheJournal(t *testing.T) {
	for verb, spoil := range map[string]func(*bench){
		"stop": func(b *bench) { b.systemd[b.master.Name()].refuses["stop"] = errors.New("no bus") },
		"show": func(b *bench) { b.systemd[b.master.Name()].refuses["show"] = errors.New("no bus") },
		"off":  func(b *bench) { b.master.Running = false },
	} {
		b := newBench(t)
		l := b.arm(t)
		change(t, l.Journal(&journaltest.Journal{}), b.master, "/f", "new")
		spoil(b)
		if err := Disarm(t.Context(), b); err == nil || !strings.Contains(err.Error(), b.master.Name()) {
			t.Errorf("%s: %v", verb, err)
		}
		if len(files(t, b.worker)) > 0 || len(files(t, b.master)) < 4 {
			t.Errorf("%s: on the worker is %q, on the master %q", verb, files(t, b.worker), files(t, b.master))
		}
	}
}

func TestDisarmBelievesNoNodeThatOnlySaysSo(t *testing.T) {
	b := newBench(t)
	b.arm(t)
	b.master.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if argv[0] == "systemctl" && argv[1] == "stop" {
			return nil, nil
		}
		return run()
	}
	if err := Disarm(t.Context(), b); !errors.Is(err, ErrLeft) {
		t.Errorf("got %v", err)
	}
}
