package look

import (
	"context"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
)

// Result is the outcome of the newest look that ended. Its zero value means that none has ended yet.
type Result[T any] struct {
	Value T
	Err   error
	Began time.Time
	At    time.Time // when it ended
}

// Known tells whether there is an outcome at all.
func (r Result[T]) Known() bool { return !r.At.IsZero() }

// sampler makes one look at a time and keeps the newest outcome, so that a look that hangs delays no other and no round.
type sampler[T any] struct {
	clock   clockwork.Clock
	timeout time.Duration
	look    func(context.Context) (T, error)

	mu   sync.Mutex
	busy chan struct{} // closed when the look under way ends; nil when none is
	last Result[T]
}

// start begins a look unless one is under way, and returns a channel that is closed when it ends.
func (s *sampler[T]) start(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy != nil {
		return s.busy
	}
	done := make(chan struct{})
	s.busy = done
	began := s.clock.Now()
	go func() {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		value, err := s.look(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = Result[T]{Value: value, Err: err, Began: began, At: s.clock.Now()}
		s.busy = nil
		close(done)
	}()
	return done
}

func (s *sampler[T]) result() Result[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
