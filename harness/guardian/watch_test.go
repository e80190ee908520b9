package guardian

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
)

// watched is a guardian whose harness has said said and is gone.
type watched struct {
	clock   *clockwork.FakeClock
	answers bytes.Buffer
	did     []string // in order
	fails   int      // how often undo fails
	errs    []error  // of killing strays, in order
}

var errEngine = errors.New("the engine is busy")

func (w *watched) watch(said string) watch {
	w.clock = clockwork.NewFakeClock()
	return watch{clock: w.clock, in: strings.NewReader(said), answers: &w.answers, say: func(string) {},
		undo: func(context.Context) error {
			w.did = append(w.did, "undo")
			if w.fails--; w.fails >= 0 {
				return errEngine
			}
			return nil
		},
		killStrays: func(path string) (int, error) {
			w.did = append(w.did, "strays "+path)
			if len(w.errs) == 0 {
				return 1, nil
			}
			err := w.errs[0]
			w.errs = w.errs[1:]
			return 0, err
		}}
}

// lines are whole lines of the protocol.
func lines(t testing.TB, messages ...message) string {
	t.Helper()
	text := ""
	for _, m := range messages {
		line, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		text += string(line)
	}
	return text
}

func TestAReleasedGuardianDoesNothing(t *testing.T) {
	path := file(t, "kubeconfig")
	w := &watched{}
	said := lines(t, message{remove, path}, message{strays, "/a/context"}, message{Do: release}) + "after it anything may come"
	if err := w.watch(said).run(t.Context()); err != nil || len(w.did) != 0 || w.answers.String() != "ready\nreleased\n" {
		t.Errorf("%v; did %v, answered %q", err, w.did, w.answers.String())
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestTheEndOfThePipeIsTheDeathOfTheHarness(t *testing.T) {
	whole := lines(t, message{strays, "/a/1"}, message{strays, "/a/2"}, message{strays, "/a/3"}, message{forget, "/a/2"})
	free := lines(t, message{Do: release})
	for name, c := range map[string]struct {
		end     string
		garbled bool
	}{
		"nothing": {"", false}, "cut release": {free[:len(free)-1], true}, "half a release": {free[:5], true}, "garbled release": {"x" + free, true},
		"too long a release": {strings.Repeat(" ", maxLine) + free, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watched{}
			err := w.watch(whole + c.end).run(t.Context())
			if (err != nil) != c.garbled || !slices.Equal(w.did, []string{"strays /a/1", "strays /a/3", "undo"}) {
				t.Errorf("%v; did %v", err, w.did)
			}
			if w.answers.String() != "ready\n" {
				t.Errorf("answered %q", w.answers.String())
			}
		})
	}
}

func TestPathsAreRemovedLastAndAllOfThem(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "private", "deep")
	if err := errors.Join(os.MkdirAll(deep, 0o700), os.WriteFile(deep+"/key", nil, 0o400), os.Symlink("/etc", dir+"/link")); err != nil {
		t.Fatal(err)
	}
	kept := file(t, "kept")
	w := &watched{}
	guard := w.watch(lines(t, message{remove, dir + "/private"}, message{remove, dir + "/link"}, message{remove, dir + "/never made"},
		message{remove, kept}, message{forget, kept}))
	undo := guard.undo
	guard.undo = func(ctx context.Context) error {
		if _, err := os.Stat(deep); err != nil {
			t.Error("removed before everything was undone")
		}
		return undo(ctx)
	}
	if err := guard.run(t.Context()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if _, keptErr := os.Stat(kept); err != nil || len(left) != 0 || keptErr != nil {
		t.Errorf("left %v, %v; what was forgotten: %v", left, err, keptErr)
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Error(err)
	}
}

func TestUndoIsTriedAgainUntilItSucceeds(t *testing.T) {
	w := &watched{fails: 3, errs: []error{errors.New("too many to kill")}}
	ended := make(chan error)
	guard := w.watch(lines(t, message{strays, "/a/1"}))
	go func() { ended <- guard.run(t.Context()) }()
	for _, pause := range []time.Duration{100, 200, 400} {
		if err := w.clock.BlockUntilContext(t.Context(), 2); err != nil { // the limit and the pause
			t.Fatal(err)
		}
		w.clock.Advance(pause * time.Millisecond)
	}
	err := <-ended
	if err == nil || errors.Is(err, errEngine) || !strings.Contains(err.Error(), "too many to kill") || len(w.did) != 5 {
		t.Errorf("%v; did %v", err, w.did)
	}
}

func TestWhatCannotBeUndoneIsAnErrorInTheEnd(t *testing.T) {
	path := file(t, "kubeconfig")
	w := &watched{fails: 1000}
	ended := make(chan error)
	guard := w.watch(lines(t, message{remove, path}))
	go func() { ended <- guard.run(t.Context()) }()
	var err error
	for waiting := true; waiting; {
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if w.clock.BlockUntilContext(short, 2) == nil {
			w.clock.Advance(longestPause)
		}
		cancel()
		select {
		case err = <-ended:
			waiting = false
		default:
		}
	}
	if !errors.Is(err, errEngine) || len(w.did) < 50 || len(w.did) > 100 {
		t.Errorf("%v after %d attempts", err, len(w.did))
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file with a key stays: %v", err)
	}
}

func TestAGuardianThatIsEndedBeforeTheHarnessSaysSo(t *testing.T) {
	in, pipe := io.Pipe()
	defer pipe.Close()
	w := &watched{}
	guard := w.watch("")
	guard.in = in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := guard.run(ctx); !errors.Is(err, context.Canceled) || len(w.did) != 0 {
		t.Errorf("%v; did %v", err, w.did)
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
