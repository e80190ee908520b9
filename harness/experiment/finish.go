package experiment

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// ErrSecret is a canary secret, planted in a node, that was found in what the run leaves behind.
var ErrSecret = errors.New("a secret of a node is in the run's output")

// Finish writes the reports and the exit code, and ends the run. interrupted is whether somebody asked to stop.
func (s *Session) Finish(interrupted bool) (int, error) {
	defer s.release()
	interrupted = interrupted || s.stop.stopped()
	s.stop.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	guardErr := s.guard.release(context.Background())
	s.err = errors.Join(s.err, guardErr)
	s.file.Interrupted, s.file.Finished = interrupted, true
	err := errors.Join(report.WriteRun(s.Dir, s.file), s.write(interrupted), guardErr)
	if leak := s.searchCanary(); leak != nil {
		s.err = errors.Join(s.err, leak)
		err = errors.Join(err, leak, s.write(interrupted)) // with the other exit code
	}
	return s.results.Exit, err
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
		return nil
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
