package experiment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

// lostWithin is how long it may take to undo what a process left that ended without a word.
const lostWithin = 6 * time.Minute

// save writes what this process has done so far, so that a run that is killed can be judged: run.json, or the part of a
// process that joined.
func (s *Session) save() error {
	if s.part == "" {
		return report.WriteRun(s.Dir, s.file)
	}
	var incomplete *journal.IncompleteError
	s.file.Timings = s.results.Timings
	s.file.Broken, s.file.RevertIncomplete = redact.String(text(s.err)), errors.As(s.err, &incomplete)
	return report.WriteRun(s.part, s.file)
}

// merge takes in, once, the parts of all processes that were invited.
func (s *Session) merge() {
	s.merged.Do(func() {
		for n := 2; n <= s.processes; n++ {
			s.takeIn(n)
		}
	})
}

// takeIn takes in the part of one process. What that process had done before it died stays; its death is an error.
func (s *Session) takeIn(process int) {
	run, dir := partOf(s.Run, process), report.PartDir(s.Dir, process)
	part, err := report.ReadRunFile(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("it left nothing")
	case err == nil && part.Run != run:
		part, err = report.Run{}, fmt.Errorf("its part is of run %q", part.Run)
	case err == nil && !part.Finished:
		err = errors.New("it did not come to its end")
	}
	if err != nil {
		s.lose(fmt.Errorf("process %d (run %s): %w", process, run, errors.Join(err, s.undoLost(run))))
	}
	s.adopt(run)
	s.takeInScenarios(process, part)
	if err == nil {
		s.fail(s.putAway(process, dir)) // the part of a lost process stays for whoever looks into that
	}
}

func (s *Session) takeInScenarios(process int, part report.Run) {
	for _, sel := range part.Scenarios {
		if slices.ContainsFunc(s.verdicts(), func(v slo.Verdict) bool { return v.Name == sel.Name }) {
			s.fail(fmt.Errorf("process %d ran scenario %s, which has a verdict of another process", process, sel.Name))
			continue
		}
		_, err := s.judge(sel, nil)
		s.fail(err)
	}
	if part.RevertIncomplete {
		s.fail(&journal.IncompleteError{Journal: s.Home.Journals(), Cause: errors.New(part.Broken)})
	} else if part.Broken != "" {
		s.fail(fmt.Errorf("process %d: %s", process, part.Broken))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results.Timings = append(s.results.Timings, part.Timings...)
	s.file.Leaks = append(s.file.Leaks, part.Leaks...)
	s.file.Interrupted = s.file.Interrupted || part.Interrupted
}

// undoLost does what the lost process's guardian does, or waits until it has: nothing of the run may stay when it ends.
func (s *Session) undoLost(run string) error {
	return within(context.Background(), lostWithin, func(ctx context.Context) error {
		swept, err := Sweep(ctx, s.provider, s.Home, Scope{Run: run}, func(line string) { s.say("%s", line) })
		if err == nil && len(swept.Busy) > 0 {
			err = fmt.Errorf("and still holds %s", strings.Join(swept.Busy, ", "))
		}
		return err
	})
}

// adopt gives the records of a process the id of the run: one run has one id, whoever reads its files. A record that cannot
// be read keeps its own; the verdict says what is wrong with it.
func (s *Session) adopt(run string) {
	scenarios, err := os.ReadDir(s.Dir)
	s.fail(err)
	for _, dir := range scenarios {
		if !dir.IsDir() || dir.Name() == report.ProcessesDir {
			continue
		}
		records, err := report.ReadScenario(s.Dir, dir.Name())
		if err != nil {
			continue
		}
		for arm, r := range records {
			if r.Run == run {
				r.Run = s.Run
				s.fail(report.WriteRecord(report.ArmDir(s.Dir, dir.Name(), arm), r))
			}
		}
	}
}

// putAway leaves of a part that was taken in only what the guardian said.
func (s *Session) putAway(process int, dir string) error {
	log := filepath.Join(s.Dir, fmt.Sprintf("guardian-%d.txt", process))
	if err := os.Rename(filepath.Join(dir, report.GuardianLog), log); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.RemoveAll(dir)
	_ = os.Remove(filepath.Dir(dir)) // it is empty when this was the last one
	return err
}

// fail notes that something beside the scenarios went wrong.
func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}

// lose notes that a process ended without a word; Finish says so.
func (s *Session) lose(err error) {
	s.fail(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = errors.Join(s.lost, err)
}
