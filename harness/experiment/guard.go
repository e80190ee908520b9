package experiment

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/guardian"
	"github.com/nov30/nov30/harness/report"
)

// guarded is the run's guardian, or none.
type guarded struct {
	guard *guardian.Guard
	log   *os.File
}

// startGuardian starts the process that undoes this run should this process die.
func (s *Session) startGuardian() (*guarded, error) {
	if len(s.Guardian) == 0 {
		return nil, nil
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, report.GuardianLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	guard, err := guardian.Start(append(s.Guardian[:len(s.Guardian):len(s.Guardian)], s.Run), os.Environ(), log)
	if err != nil {
		log.Close()
		return nil, fmt.Errorf("guardian: %w", err)
	}
	return &guarded{guard, log}, nil
}

// leaves says what must not outlive this run: on disk for a sweep, and to the guardian, which is quicker.
func (s *Session) leaves(l remnant) error {
	if err := s.Home.note(s.Run, l); err != nil || s.guard == nil {
		return err
	}
	if l.Strays != "" {
		return s.guard.guard.Strays(l.Strays)
	}
	return s.guard.guard.Remove(l.Remove)
}

// forget takes remove back.
func (g *guarded) forget(path string) error {
	if g == nil {
		return nil
	}
	return g.guard.Forget(path)
}

// died says that nobody guards this run any more.
func (g *guarded) died() error {
	if g == nil {
		return nil
	}
	select {
	case <-g.guard.Died():
		return fmt.Errorf("the guardian has died: %w", g.guard.Err())
	default:
		return nil
	}
}

// releaseWithin is how long the guardian may take to end.
const releaseWithin = 10 * time.Second

// release lets the guardian go: the run has undone everything itself.
func (g *guarded) release(ctx context.Context) error {
	if g == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	defer g.log.Close()
	return g.guard.Release(ctx)
}

// private keeps what this process writes from here on for its owner alone.
func private() { unix.Umask(0o077) }
