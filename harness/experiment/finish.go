package experiment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// ErrSecret is a canary secret, planted in a node, that was found in what the run leaves behind.
var ErrSecret = errors.New("a secret of a node is in the run's output")

// Finish writes the reports and the exit code, and ends the run. interrupted is whether somebody asked to stop. Where
// further processes were invited it is called when they have ended, and takes in what they left.
func (s *Session) Finish(interrupted bool) (int, error) {
	defer s.release()
	s.merge()
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.end(interrupted)
	interrupted = s.file.Interrupted
	s.inOrder()
	err = errors.Join(err, s.save(), s.write(interrupted), s.lost)
	if leak := s.searchCanary(); leak != nil {
		s.err = errors.Join(s.err, leak)
		err = errors.Join(err, leak, s.write(interrupted)) // with the other exit code
	}
	return s.results.Exit, err
}

// end ends what watches over this process. The guardian is let go when everything is undone.
func (s *Session) end(interrupted bool) error {
	s.file.Interrupted = interrupted || s.stop.stopped() || s.file.Interrupted
	s.file.Finished = true
	s.stop.close()
	leaks, poolErr := s.pool.close(context.Background())
	for _, l := range leaks {
		s.file.Leaks = append(s.file.Leaks, redact.String(l.Error()))
	}
	err := errors.Join(poolErr, s.guard.release(context.Background()))
	s.err = errors.Join(s.err, err)
	return err
}

// inOrder sorts what is reported as the options say.
func (s *Session) inOrder() {
	place := func(name string) int {
		if n := slices.Index(s.Order, name); n >= 0 {
			return n
		}
		return len(s.Order)
	}
	slices.SortStableFunc(s.file.Scenarios, func(a, b report.Selected) int { return place(a.Name) - place(b.Name) })
	slices.SortStableFunc(s.results.Verdicts, func(a, b slo.Verdict) int { return place(a.Name) - place(b.Name) })
}

// write writes the reports with the exit code.
func (s *Session) write(interrupted bool) error {
	s.results.Exit = s.exitCode(interrupted)
	return report.Write(s.Dir, s.results)
}

func (s *Session) exitCode(interrupted bool) int {
	code := slo.ExitCode(s.results.Verdicts)
	var incomplete *journal.IncompleteError
	switch {
	case code == slo.ExitRevertIncomplete || errors.As(s.err, &incomplete):
		return slo.ExitRevertIncomplete
	case errors.Is(s.err, ErrSecret):
		return slo.ExitInfrastructure
	case interrupted:
		return slo.ExitInterrupted
	case s.err != nil && code != slo.ExitFail:
		return slo.ExitInfrastructure
	}
	return code
}

// searchCanary looks for the secret that was planted in the nodes in everything that the run leaves behind.
func (s *Session) searchCanary() error {
	if s.canary == nil {
		return nil // not begun
	}
	found, err := s.canary.Search(s.Dir)
	if err != nil {
		return fmt.Errorf("search for the canary secret: %w", err)
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: %s; delete these files, and report it", ErrSecret, strings.Join(found, ", "))
	}
	return nil
}
