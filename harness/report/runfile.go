package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

// More names of files in a run's directory.
const (
	RunFile     = "run.json"     // what the run was asked for
	StopFile    = "STOP"         // somebody who makes it stops the run
	GuardianLog = "guardian.txt" // what the guardian had to do
	// ProcessesDir holds, for each further process of a run, a directory with its part: a RunFile of its own. The process
	// that began the run takes the parts in at its end and removes them; that of a process that died stays.
	ProcessesDir = "procs"
)

// Run is what verdicts are computed from beside the records: which scenarios were asked for, with which specs, and what kept
// one from running to its end. It is written whenever it grows, so that a run that was killed can be judged, too.
type Run struct {
	Version     int        `json:"version"` // slo.RecordVersion of the program that wrote it
	Run         string     `json:"run"`
	Tool        string     `json:"tool"`
	Scenarios   []Selected `json:"scenarios"` // in the order of the verdicts
	Interrupted bool       `json:"interrupted,omitempty"`
	Finished    bool       `json:"finished"` // the run came to its end, whatever that was
	// Leaks says why clusters were thrown away: a rewind could not take back what a fault's revert, or the tool, had left.
	Leaks []string `json:"leaks,omitempty"`

	// Only in the part of a further process, for the one that takes it in.
	Timings          []Timing `json:"timings,omitempty"`
	Broken           string   `json:"broken,omitempty"`            // infrastructure that failed beside the scenarios
	RevertIncomplete bool     `json:"revert_incomplete,omitempty"` // something stays broken
}

// PartDir is the directory of a further process's part of a run. Processes are numbered from 1, the one that began it.
func PartDir(runDir string, process int) string {
	return filepath.Join(runDir, ProcessesDir, strconv.Itoa(process))
}

// Selected is one scenario of a run.
type Selected struct {
	Name   string   `json:"name"`
	Spec   slo.Spec `json:"spec"`
	Absent bool     `json:"absent,omitempty"` // it did not run at all
	// Broken is why it did not run to its end; empty where it did.
	Broken string `json:"broken,omitempty"`
}

// Verdict judges a scenario from its records. It is pure: whoever has the files gets the same verdict.
func (s Selected) Verdict(records map[slo.Arm]slo.Record) slo.Verdict {
	if s.Absent {
		return slo.Verdict{Name: s.Name, Verdict: slo.Inconclusive, Reasons: []string{"it did not run to its end: " + s.Broken},
			WrongCulprits: []string{}, Changes: []slo.ChangeResult{}, Objectives: []slo.ObjectiveResult{}, Arms: map[slo.Arm]slo.ArmVerdict{}}
	}
	v := slo.Evaluate(records, s.Spec)
	if s.Broken == "" {
		return v
	}
	// What kept it from its end is no judgement of a tool, however far the tool had come.
	v.Reasons = append([]string{s.Broken}, v.Reasons...)
	if v.Verdict == slo.Pass {
		v.Verdict = slo.Inconclusive
	}
	return v
}

// WriteRun writes run.json.
func WriteRun(runDir string, r Run) error {
	r.Version = slo.RecordVersion
	if r.Scenarios == nil {
		r.Scenarios = []Selected{}
	}
	return writeJSON(filepath.Join(runDir, RunFile), r)
}

// ReadRunFile reads run.json. A directory without one holds a run of version 1, or is no run: fs.ErrNotExist.
func ReadRunFile(runDir string) (Run, error) {
	return readJSON(filepath.Join(runDir, RunFile), func(text []byte) (r Run, err error) {
		var version struct {
			Version int `json:"version"`
		}
		if err := json.Unmarshal(text, &version); err != nil {
			return r, err
		}
		if version.Version > slo.RecordVersion {
			return r, fmt.Errorf("version %d: %w", version.Version, ErrNewer)
		}
		return r, strictly(text, &r)
	})
}

// Judged is what judging a run again gave.
type Judged struct {
	Verdicts []slo.Verdict
	Text     []byte // verdicts.json as it must be, to the byte
	// Old is a run of version 1: its verdicts.json had fewer fields and cannot be compared.
	Old bool
	// Finished: the run came to its end. Of one that was killed nobody knows what else it was asked for.
	Finished bool
}

// Judge computes every verdict of a run again from its files alone: run.json and the arms' records.
func Judge(runDir string) (Judged, error) {
	records, err := ReadRun(runDir)
	if err != nil {
		return Judged{}, err
	}
	run, err := ReadRunFile(runDir)
	if errors.Is(err, fs.ErrNotExist) {
		return judgeOld(runDir, records)
	}
	if err != nil {
		return Judged{}, err
	}
	if !run.Finished {
		if err := run.addParts(runDir); err != nil {
			return Judged{}, err
		}
	}
	var verdicts []slo.Verdict
	for _, s := range run.Scenarios {
		verdicts = append(verdicts, s.Verdict(records[s.Name]))
	}
	j, err := judged(verdicts)
	j.Finished = run.Finished
	return j, err
}

// addParts adds what further processes had done of a run that was killed before it took that in.
func (r *Run) addParts(runDir string) error {
	dirs, err := filepath.Glob(filepath.Join(runDir, ProcessesDir, "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		part, err := ReadRunFile(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it had begun nothing
		}
		if err != nil {
			return err
		}
		for _, s := range part.Scenarios {
			if !slices.ContainsFunc(r.Scenarios, func(have Selected) bool { return have.Name == s.Name }) { // taken in, but not removed yet
				r.Scenarios = append(r.Scenarios, s)
			}
		}
	}
	return nil
}

func judged(verdicts []slo.Verdict) (Judged, error) {
	if verdicts == nil {
		verdicts = []slo.Verdict{}
	}
	text, err := json.MarshalIndent(verdicts, "", "  ")
	return Judged{Verdicts: verdicts, Text: append(text, '\n')}, err
}

// judgeOld judges a run of version 1: each record carries its spec.
func judgeOld(runDir string, records Records) (Judged, error) {
	old, err := ReadVerdicts(runDir)
	if err != nil {
		return Judged{}, err
	}
	var verdicts []slo.Verdict
	for _, v := range old {
		s := Selected{Name: v.Name, Absent: true, Broken: "it has no record"}
		for _, r := range records[v.Name] {
			if r.Version > 1 {
				return Judged{}, fmt.Errorf("%s is missing, and the records are not of version 1", RunFile)
			}
			s = Selected{Name: v.Name, Spec: r.Spec}
			if r.Arm == slo.Treated {
				break
			}
		}
		verdicts = append(verdicts, s.Verdict(records[v.Name]))
	}
	j, err := judged(verdicts)
	j.Old, j.Finished = true, true
	return j, err
}

// ReadScenario reads the records of one scenario of a run; an arm without a record is left out.
func ReadScenario(runDir, scenario string) (map[slo.Arm]slo.Record, error) {
	records := Records{}
	for _, a := range []slo.Arm{slo.Sham, slo.Untreated, slo.Treated} {
		for _, name := range []string{RecordFile, EventsFile} {
			path := filepath.Join(scenario, string(a), name)
			if _, err := os.Stat(filepath.Join(runDir, path)); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return nil, err
			}
			if err := records.read(runDir, filepath.Dir(path)); err != nil {
				return nil, err
			}
		}
	}
	return records[scenario], nil
}
