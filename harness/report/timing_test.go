package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// oldTimings is timings.json as programs wrote it that had stages instead of parts.
const oldTimings = `[
  {"name": "vandal/sham: cluster network", "seconds": 0.1, "baseline_seconds": null},
  {"name": "vandal/sham: cluster kind", "seconds": 21.7, "baseline_seconds": null},
  {"name": "vandal/sham: cluster ready", "seconds": 3.9, "baseline_seconds": 4.5},
  {"name": "vandal/sham: site deploy", "seconds": 2.8, "baseline_seconds": null},
  {"name": "node image", "seconds": 0.4, "baseline_seconds": null}
]`

func TestTheTimesOfAnOlderProgramKeepTheirMeaning(t *testing.T) {
	got, err := parseTimings([]byte(oldTimings))
	want := []Timing{{"vandal", "sham", PartCreate, 0.1}, {"vandal", "sham", PartCreate, 21.7}, {"vandal", "sham", PartCreate, 3.9},
		{"vandal", "sham", PartDeploy, 2.8}, {"", "", PartOther, 0.4}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v", err, got)
	}
}

func TestARunWithTheTimesOfAnOlderProgramIsReportedAndJudged(t *testing.T) {
	r := only(gallery(found()), "vandal")
	dir := saved(t, r)
	if err := WriteRun(dir, Run{Run: r.Run, Scenarios: []Selected{{Name: "vandal", Spec: r.Records["vandal"][slo.Treated].Spec}}, Finished: true}); err != nil {
		t.Fatal(err)
	}
	if err := fill(TimingsFile, oldTimings)(dir); err != nil {
		t.Fatal(err)
	}
	if err := Render(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, MarkdownFile))
	if err != nil || !bytes.Contains(text, []byte("| vandal | sham | 25.7 | – | 2.8 | 12.0 | – | – | – | 22.0 | – | – | – | – | 62.5 |")) {
		t.Errorf("%v\n%.3000s", err, text[bytes.Index(text, []byte("Where the time")):])
	}
	if left, _ := os.ReadFile(filepath.Join(dir, TimingsFile)); string(left) != oldTimings {
		t.Error("the old file was changed")
	}
	j, err := Judge(dir)
	if written, _ := os.ReadFile(filepath.Join(dir, VerdictsFile)); err != nil || !bytes.Equal(written, j.Text) {
		t.Errorf("judged: %v", err)
	}
}

func TestDamagedTimesAreAnError(t *testing.T) {
	for _, text := range []string{``, `null`, `{}`, `[][]`, `[1]`, `[{"scenario":"x","arm":"sham","part":"create","seconds":-1}]`,
		`[{"scenario":"x","part":"create","seconds":1,"more":1}]`, `[{"name":"x","part":"create","seconds":1}]`, `[{"name":"","seconds":1}]`,
		`[{"part":"create","seconds":1e300}]`, `[{"part":"create","seconds":"1"}]`, `[{"name":"x/y: cluster z","seconds":-1,"baseline_seconds":null}]`} {
		if got, err := parseTimings([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// row is the row of an arm as the table has it, blanks made one.
func row(t *testing.T, text, scenario, arm string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == scenario && (arm == "" || f[1] == arm) {
			return strings.Join(f, " ")
		}
	}
	t.Errorf("no row %s %s in\n%s", scenario, arm, text)
	return ""
}

func TestTheTimeTableGolden(t *testing.T) {
	golden(t, "times.txt", []byte(TimeTable(gallery(found()))))
}

// What there was not is an en dash, and what took no time is 0.
func TestTheTimeTableTellsNothingFromNoTime(t *testing.T) {
	r := Results{Timings: []Timing{{"a", "sham", PartCreate, 20}, {"a", "sham", PartCreate, 1.25}, {"a", "treated", PartRewind, 0},
		{"a", "treated", "brew", 3}, {"", "", PartCreate, 22}, {"a", "untreated", PartJudge, 0.04}}}
	text := TimeTable(r)
	for _, want := range []struct{ scenario, arm, row string }{
		{"scenario", "arm", "scenario arm create rewind deploy steady bite detect repair soak hold judge collect other total"},
		{"a", "sham", "a sham 21.2 – – – – – – – – – – – 21.2"},
		{"a", "untreated", "a untreated – – – – – – – – – 0.0 – – 0.0"},
		{"a", "treated", "a treated – 0.0 – – – – – – – – – 3.0 3.0"},
		{"the", "run", "the run – 22.0 – – – – – – – – – – – 22.0"},
		{"total", "", "total – 43.2 0.0 – – – – – – – 0.0 – 3.0 46.3"},
	} {
		if got := row(t, text, want.scenario, want.arm); got != want.row {
			t.Errorf("%s\n%s", got, want.row)
		}
	}
	if sham, un, run := strings.Index(text, "\na "), strings.Index(text, "untreated"), strings.Index(text, "\nthe run"); sham > un || un > run {
		t.Error(text)
	}
	if text := TimeTable(Results{Verdicts: []slo.Verdict{{Name: "a"}}}); !strings.Contains(text, "not known") || strings.Contains(text, "total") {
		t.Error(text)
	}
}

func TestAllCellsAreOnDiskAndGiveTheSameTable(t *testing.T) {
	r := gallery(found())
	dir := saved(t, r)
	if got, want := ReadTimeTable(dir), TimeTable(r); got != want {
		t.Errorf("%s\n%s", got, want)
	}
	read, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := TimeTable(read), TimeTable(r); got != want {
		t.Errorf("with the records, nothing must count twice:\n%s\n%s", got, want)
	}
	if text := ReadTimeTable(t.TempDir()); !strings.Contains(text, "not known") || !strings.Contains(text, TimingsFile) {
		t.Error(text)
	}
}

func TestALongTimeTableIsCutShortAndKeepsItsTotal(t *testing.T) {
	var r Results
	for i := range 3 * rowsMax {
		r.Timings = append(r.Timings, Timing{fmt.Sprint("s", i), "sham", PartCreate, 1})
	}
	lines := strings.Split(strings.TrimSpace(TimeTable(r)), "\n")
	if len(lines) != rowsMax+4 || !strings.Contains(lines[rowsMax+2], "… and 400 more, see timings.json") || !strings.HasPrefix(lines[rowsMax+3], "total") ||
		!strings.HasSuffix(lines[rowsMax+3], " 600.0") {
		t.Errorf("%d lines: %q", len(lines), lines[len(lines)-2:])
	}
}

// FuzzTimings checks that whatever can be read can be shown, and is read as the same once more.
func FuzzTimings(f *testing.F) {
	f.Add([]byte(oldTimings))
	f.Add([]byte(`[{"scenario":"x","arm":"sham","part":"create","seconds":1.5},{"scenario":"","arm":"","part":"odd|","seconds":0}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := parseTimings(text)
		if err != nil {
			return
		}
		r := Results{Timings: read}
		dir := t.TempDir()
		if err := Write(dir, r); err != nil {
			t.Fatal(err)
		}
		cells := timesOf(r).cells()
		again, err := ReadTimings(dir)
		if err != nil || !slices.Equal(again, cells) {
			t.Fatalf("%v: %v, want %v", err, again, cells)
		}
		if n := strings.Count(ReadTimeTable(dir), "\n"); len(cells) > 0 && n < 4 || n > rowsMax+4 {
			t.Fatalf("%d lines", n)
		}
	})
}
