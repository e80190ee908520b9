package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"

	"github.com/nov30/nov30/harness/slo"
)

// Results are what the reports of a run are made from.
type Results struct {
	Run      string
	Verdicts []slo.Verdict // in the order of the report
	Records  Records
	Timings  []Timing // what the run timed; what the records tell is computed
	Exit     int      // the exit code of the program, one of slo's
}

// Write writes every file of a run that is made from its results.
func Write(runDir string, r Results) error {
	if r.Verdicts == nil {
		r.Verdicts = []slo.Verdict{} // an array also when empty
	}
	r.Records = withBroken(runDir, r)
	return errors.Join(
		writeJSON(filepath.Join(runDir, VerdictsFile), r.Verdicts),
		writeJSON(filepath.Join(runDir, TimingsFile), timesOf(r).cells()),
		replace(filepath.Join(runDir, ExitFile), []byte(strconv.Itoa(r.Exit)+"\n")),
		render(runDir, r),
	)
}

// withBroken adds the arms that were broken off: their records are on disk only. One that cannot be read is left out here,
// its verdict says what happened.
func withBroken(runDir string, r Results) Records {
	all := Records{}
	for _, v := range r.Verdicts {
		arms := map[slo.Arm]slo.Record{}
		if checkName("scenario", v.Name) == nil {
			if read, err := ReadScenario(runDir, v.Name); err == nil {
				maps.Copy(arms, read)
			}
		}
		maps.Copy(arms, r.Records[v.Name])
		all[v.Name] = arms
	}
	return all
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return replace(path, append(text, '\n'))
}

// ReadVerdicts reads verdicts.json of a run.
func ReadVerdicts(runDir string) ([]slo.Verdict, error) {
	return readJSON(filepath.Join(runDir, VerdictsFile), parseVerdicts)
}

func readJSON[T any](path string, parse func([]byte) (T, error)) (T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var none T
		return none, err
	}
	v, err := parse(text)
	if err != nil {
		return v, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return v, nil
}

// parseVerdicts takes no state that it does not know: a reader must not mistake one for a pass.
func parseVerdicts(text []byte) ([]slo.Verdict, error) {
	var verdicts []slo.Verdict
	if err := strictly(text, &verdicts); err != nil {
		return nil, err
	}
	if verdicts == nil {
		return nil, errors.New("not an array")
	}
	for _, v := range verdicts {
		switch v.Verdict {
		case slo.Pass, slo.Fail, slo.Inconclusive:
		default:
			return nil, fmt.Errorf("scenario %s: unknown verdict %q", v.Name, v.Verdict)
		}
	}
	return verdicts, nil
}
