package experiment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/report"
)

// ErrStopped is the end of a run that somebody stopped by its STOP file.
var ErrStopped = errors.New("stopped by the file " + report.StopFile)

// stopEvery is how often the STOP file is looked for.
const stopEvery = 250 * time.Millisecond

// stopFile watches for the STOP file of a run.
type stopFile struct {
	path string
	seen chan struct{} // closed when it is there
	done chan struct{} // closed by close
	once sync.Once
}

func watchStop(dir string, clock clockwork.Clock) *stopFile {
	s := &stopFile{path: filepath.Join(dir, report.StopFile), seen: make(chan struct{}), done: make(chan struct{})}
	go func() {
		ticker := clock.NewTicker(stopEvery)
		defer ticker.Stop()
		for {
			select {
			case <-s.done:
				return
			case <-ticker.Chan():
				if _, err := os.Lstat(s.path); err == nil {
					close(s.seen)
					return
				}
			}
		}
	}()
	return s
}

// cancels gives a context that ends with ErrStopped when the STOP file appears.
func (s *stopFile) cancels(ctx context.Context) (context.Context, context.CancelFunc) {
	if s == nil {
		return context.WithCancel(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if s.stopped() { // nothing begins in the moment before the goroutine runs
		cancel(ErrStopped)
	}
	go func() {
		select {
		case <-s.seen:
			cancel(ErrStopped)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (s *stopFile) stopped() bool {
	if s == nil {
		return false
	}
	select {
	case <-s.seen:
		return true
	default:
		return false
	}
}

func (s *stopFile) close() {
	if s != nil {
		s.once.Do(func() { close(s.done) })
	}
}
