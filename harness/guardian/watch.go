package guardian

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/tool"
)

const (
	// undoWithin is how long undoing is tried again. What a node's start may take (journal.StartNode) fits several times.
	undoWithin = 10 * time.Minute
	// The pauses between two attempts double from the first to the longest.
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
)

// Watch is the guardian: it follows the harness on in and says on ready that it does. When the harness releases it, it
// returns without having done anything. When in ends without that, the harness is dead: the tool's stray processes are
// killed first, so that nobody goes on changing the cluster; then undo is called, and called again with a pause between
// while it fails, for ten minutes; then the paths are removed, even if undo failed, because they may hold keys. The error
// says what could not be done.
//
// From its beginning to its end the process outlives SIGINT, SIGTERM and SIGHUP, and the reader of its log (SIGPIPE). If
// ctx ends while the harness lives, Watch returns its error and nobody guards; in may then still be read from. say hears
// what is done, and may be called with an error's text.
func Watch(ctx context.Context, in io.Reader, ready io.Writer, undo func(context.Context) error, say func(string)) error {
	// Caught and not ignored: what undo starts would inherit the latter.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(ignored)
	w := watch{clock: clockwork.NewRealClock(), in: in, answers: ready, undo: undo, say: say, killStrays: tool.KillStrays}
	return w.run(ctx)
}

// watch is a guardian:
//
//	following ──release──▶ ended, nothing done
//	    └──end of in──▶ strays killed ──▶ undo, again while it fails ──▶ paths removed
type watch struct {
	clock      clockwork.Clock
	in         io.Reader
	answers    io.Writer
	undo       func(context.Context) error
	say        func(string)
	killStrays func(contextPath string) (int, error)
}

func (w watch) run(ctx context.Context) error {
	w.answer(ready)
	l := &ledger{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.read(w.in)
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("the guardian was ended before the harness, nobody guards: %w", ctx.Err())
	case <-ended:
	}
	if l.released {
		w.answer(released)
		return errors.Join(l.garbled...)
	}
	w.say("the harness is gone without an end; undoing what it did")
	errs := append(l.garbled, w.kill(l.strays), w.undoInTime(ctx), w.remove(l.remove))
	return errors.Join(errs...)
}

// answer tells the harness. One that cannot be told is dead or gives up, which the end of in will say.
func (w watch) answer(word string) { _, _ = fmt.Fprintln(w.answers, word) }

func (w watch) kill(contexts []string) error {
	var errs []error
	for _, path := range contexts {
		killed, err := w.killStrays(path)
		if killed > 0 {
			w.say(fmt.Sprintf("killed %d processes of the tool", killed))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("processes of the tool: %w", err))
		}
	}
	return errors.Join(errs...)
}

// undoInTime tries until nothing is left to undo. An engine may be busy, and the dead harness's last child may hold its
// journal for a moment.
func (w watch) undoInTime(ctx context.Context) error {
	limit := w.clock.NewTimer(undoWithin)
	defer limit.Stop()
	ctx, cancel := context.WithTimeout(ctx, undoWithin)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := w.undo(ctx)
		if err == nil {
			w.say("everything is undone")
			return nil
		}
		w.say(fmt.Sprintf("not everything could be undone, next attempt in %v: %v", pause, err))
		select {
		case <-ctx.Done():
			return fmt.Errorf("not everything is undone (%w): %w", ctx.Err(), err)
		case <-limit.Chan():
			return fmt.Errorf("not everything is undone after %v: %w", undoWithin, err)
		case <-w.clock.After(pause):
		}
	}
}

func (w watch) remove(paths []string) error {
	var errs []error
	for _, path := range paths {
		err := os.RemoveAll(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s is still there", path))
			continue
		}
		w.say("removed " + path)
	}
	return errors.Join(errs...)
}
