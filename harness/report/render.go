package report

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/nov30/nov30/harness/slo"
)

// ErrNoRun is returned for a directory that holds no run.
var ErrNoRun = errors.New("no run is kept there: name a directory that `nov30 run` wrote, such as out/latest")

// Read reads what the reports of a run are made from: its records, verdicts.json, timings.json and exit. A directory that
// is no run is ErrNoRun; a file that is missing or damaged is named, with what to do.
func Read(runDir string) (Results, error) {
	records, err := ReadRun(runDir)
	if _, statErr := os.Stat(runDir); errors.Is(statErr, fs.ErrNotExist) {
		return Results{}, fmt.Errorf("%s: %w", runDir, ErrNoRun)
	}
	if errors.Is(err, ErrNewer) {
		return Results{}, err // it says what to do
	}
	if err != nil {
		return Results{}, mend(err, "an arm's record cannot be made again: take its directory away, or run the scenario again")
	}
	r := Results{Records: records}
	if r.Verdicts, err = ReadVerdicts(runDir); err != nil {
		if errors.Is(err, fs.ErrNotExist) && len(records) == 0 {
			return Results{}, fmt.Errorf("%s: %w", runDir, ErrNoRun)
		}
		return Results{}, mend(err, "`nov30 judge -o json "+runDir+"` prints what it must hold, from the records")
	}
	if r.Timings, err = ReadTimings(runDir); err != nil {
		return Results{}, mend(err, "only the table of where the time went is made from it: with `[]` in its place it has what the records tell")
	}
	if r.Exit, err = readExit(runDir); err != nil {
		return Results{}, mend(err, "write the number that the run ended with into it; a run that was killed has none: 3")
	}
	r.Run, err = runOf(runDir, records)
	return r, err
}

func mend(err error, how string) error { return fmt.Errorf("%w; %s", err, how) }

func readExit(runDir string) (int, error) {
	return readJSON(filepath.Join(runDir, ExitFile), func(text []byte) (int, error) {
		return strconv.Atoi(strings.TrimSpace(string(text)))
	})
}

// runOf is the id of a run: what its records say, or else the name of its directory.
func runOf(runDir string, records Records) (string, error) {
	for _, scenario := range slices.Sorted(maps.Keys(records)) {
		for _, a := range armsOf(records[scenario]) {
			return records[scenario][a].Run, nil
		}
	}
	dir, err := filepath.EvalSymlinks(runDir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	return filepath.Base(dir), err
}

// armOrder is the order in which arms are run and reported.
var armOrder = []slo.Arm{slo.Sham, slo.Untreated, slo.Treated}

// armsOf lists the arms that there are, in the order of the report; those of no known name come last.
func armsOf[T any](arms map[slo.Arm]T) []slo.Arm {
	var order []slo.Arm
	for _, a := range armOrder {
		if _, ok := arms[a]; ok {
			order = append(order, a)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(arms)) {
		if !slices.Contains(order, a) {
			order = append(order, a)
		}
	}
	return order
}

// Render makes report.html, report.md, junit.xml and confusion.json of a run again, from its files alone.
func Render(runDir string) error {
	r, err := Read(runDir)
	if err != nil {
		return err
	}
	return render(runDir, r)
}

func render(runDir string, r Results) error {
	junit, junitErr := JUnit(r)
	html, htmlErr := HTML(r, os.DirFS(runDir))
	errs := []error{junitErr, htmlErr,
		writeJSON(filepath.Join(runDir, ConfusionFile), Confuse(r.Verdicts, r.Records)),
		replace(filepath.Join(runDir, MarkdownFile), Markdown(r)),
	}
	if junitErr == nil {
		errs = append(errs, replace(filepath.Join(runDir, JUnitFile), junit))
	}
	if htmlErr == nil {
		errs = append(errs, replace(filepath.Join(runDir, HTMLFile), html))
	}
	return errors.Join(errs...)
}
