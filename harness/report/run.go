package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nov30/nov30/harness/slo"
)

// Records are the records of a run, by scenario and arm.
type Records map[string]map[slo.Arm]slo.Record

// ReadRun reads all records of a run's directory. A directory with neither record.json nor events.jsonl holds no record
// and is left out; a record that cannot be read, or that is not of the arm its directory says, is an error.
func ReadRun(runDir string) (Records, error) {
	if _, err := os.Stat(runDir); err != nil {
		return nil, err
	}
	records := Records{}
	for _, name := range []string{RecordFile, EventsFile} {
		files, err := fs.Glob(os.DirFS(runDir), "*/*/"+name)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if err := records.read(runDir, filepath.Dir(f)); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

// read adds the record of one arm's directory, SCENARIO/ARM.
func (rs Records) read(runDir, dir string) error {
	scenario, arm := filepath.Dir(dir), slo.Arm(filepath.Base(dir))
	if _, ok := rs[scenario][arm]; ok {
		return nil
	}
	r, err := ReadRecord(filepath.Join(runDir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("half a record: %w", err)
	}
	if err != nil {
		return err
	}
	if r.Scenario != scenario || r.Arm != arm {
		return fmt.Errorf("%s holds the record of %s/%s", filepath.Join(runDir, dir), r.Scenario, r.Arm)
	}
	if rs[scenario] == nil {
		rs[scenario] = map[slo.Arm]slo.Record{}
	}
	rs[scenario][arm] = r
	return nil
}
