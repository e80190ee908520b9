// Package report keeps what a run leaves behind: events as they happen, records, verdicts, and what people and CI read.
//
//	out/RUN/SCENARIO/ARM/{events.jsonl,record.json,evidence/}
//	out/RUN/{verdicts.json,timings.json,confusion.json,report.html,report.md,junit.xml,exit}
//	out/latest -> RUN
package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/nov30/nov30/harness/slo"
)

// The names of files and directories in a run's directory and in an arm's.
const (
	LatestLink    = "latest" // beside the runs
	VerdictsFile  = "verdicts.json"
	TimingsFile   = "timings.json"
	ConfusionFile = "confusion.json"
	HTMLFile      = "report.html"
	MarkdownFile  = "report.md"
	JUnitFile     = "junit.xml"
	ExitFile      = "exit"
	EventsFile    = "events.jsonl"
	RecordFile    = "record.json"
	EvidenceDir   = "evidence"
)

// What a run leaves behind is for its owner alone.
const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// plainName is a name that is safe as one element of a path.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func checkName(what, name string) error {
	if !plainName.MatchString(name) || name == LatestLink {
		return fmt.Errorf("%s %q cannot be the name of a directory: use letters, digits, dot, hyphen and underscore", what, name)
	}
	return nil
}

// CreateRun makes the directory of a new run under out and lets out/latest point to it. It returns the run's directory. A
// run that exists is an error: results are never overwritten.
func CreateRun(out, run string) (string, error) {
	if err := checkName("run", run); err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, dirMode); err != nil {
		return "", err
	}
	dir := filepath.Join(out, run)
	if err := os.Mkdir(dir, dirMode); err != nil {
		return "", fmt.Errorf("directory of the run: %w", err)
	}
	return dir, link(out, run)
}

// link points out/latest to a run, relatively, so that out can be moved; the old link is replaced in one step.
func link(out, run string) error {
	latest := filepath.Join(out, LatestLink)
	if info, err := os.Lstat(latest); err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return fmt.Errorf("%s is not a symbolic link: move it away", latest)
	}
	next := filepath.Join(out, "."+LatestLink+"-"+run)
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(run, next); err != nil {
		return err
	}
	return os.Rename(next, latest)
}

// ArmDir is the directory of an arm in a run's directory.
func ArmDir(runDir, scenario string, arm slo.Arm) string {
	return filepath.Join(runDir, scenario, string(arm))
}

// CreateArm makes the directory of an arm, with evidence/ in it. An arm that exists is an error.
func CreateArm(runDir, scenario string, arm slo.Arm) (string, error) {
	if err := errors.Join(checkName("scenario", scenario), checkName("arm", string(arm))); err != nil {
		return "", err
	}
	dir := ArmDir(runDir, scenario, arm)
	if err := os.MkdirAll(filepath.Dir(dir), dirMode); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, dirMode); err != nil {
		return "", fmt.Errorf("directory of the arm: %w", err)
	}
	return dir, os.Mkdir(filepath.Join(dir, EvidenceDir), dirMode)
}

// replace writes a file in one step: after a crash it holds the old text or the new one.
func replace(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
