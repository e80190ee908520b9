package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// write writes a record to the disk as an experiment does.
func write(t *testing.T, runDir string, r slo.Record) string {
	t.Helper()
	dir, err := CreateArm(runDir, r.Scenario, r.Arm)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteRecord(dir, r); err != nil {
		t.Fatal(err)
	}
	log, err := OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events {
		if err := log.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestARecordReadsBackAsItWasWrittenAndGetsTheSameVerdict(t *testing.T) {
	run := t.TempDir()
	want := map[slo.Arm]slo.Record{slo.Untreated: untreated(), slo.Treated: treated(found())}
	for _, r := range want {
		write(t, run, r)
	}
	got, err := ReadRun(run)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || !reflect.DeepEqual(got["etcd-certs-expired"], want) {
		t.Errorf("read back: %+v", got)
	}
	live, again := slo.Evaluate(want, spec()), slo.Evaluate(got["etcd-certs-expired"], spec())
	if live.Verdict != slo.Pass || !reflect.DeepEqual(live, again) {
		t.Errorf("live %+v\nagain %+v", live, again)
	}
}

func TestConcurrentEventsAreNumberedWithoutAHole(t *testing.T) {
	dir := write(t, t.TempDir(), slo.Record{Version: 1, Scenario: "x", Arm: slo.Treated})
	if err := os.Remove(filepath.Join(dir, EventsFile)); err != nil {
		t.Fatal(err)
	}
	log, err := OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 50 {
				if err := log.Append(slo.Event{Kind: slo.Note, At: time.Duration(w*50 + i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := ReadRecord(dir)
	if err != nil || len(r.Events) != 400 {
		t.Errorf("%d events: %v", len(r.Events), err)
	}
}

func TestALogThatFailedOnceIsNotContinued(t *testing.T) {
	dir := t.TempDir()
	log, err := OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	log.file.Close()
	first := log.Append(slo.Event{Kind: slo.Note})
	if first == nil {
		t.Fatal("no error from a closed file")
	}
	if again := log.Append(slo.Event{Kind: slo.Note}); !errors.Is(again, first) {
		t.Errorf("then: %v", again)
	}
	if err := log.Close(); !errors.Is(err, first) {
		t.Errorf("close: %v", err)
	}
	if err := log.Append(slo.Event{}); err == nil {
		t.Error("append after close")
	}
	if _, err := OpenLog(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("opened again: %v", err)
	}
}

func TestAnEventIsBoundedAndWithoutSecrets(t *testing.T) {
	dir := write(t, t.TempDir(), slo.Record{Version: 1, Scenario: "x", Arm: slo.Treated})
	os.Remove(filepath.Join(dir, EventsFile))
	log, _ := OpenLog(dir)
	f := slo.ToolFinding{Evidence: "client-key-data: CANARY " + strings.Repeat("\x00é", 1<<17), Culprit: strings.Repeat("<", 1<<17)}
	spoilt := strings.Repeat("\x01", 1<<17)
	c := slo.Change{Kind: slo.ChangeKind(spoilt), Node: spoilt, Object: spoilt, Diff: "-----BEGIN PRIVATE KEY-----\nCANARY\n" + spoilt}
	e := slo.Event{Kind: slo.Finding, Name: spoilt, Detail: spoilt, Error: strings.Repeat("\xff", 1<<17), Finding: &f, Change: &c,
		Certificate: &slo.Certificate{Subject: spoilt, Serial: spoilt}}
	if err := errors.Join(log.Append(e), log.Append(slo.Event{Kind: slo.Note}), log.Close()); err != nil {
		t.Fatal(err)
	}
	if len(f.Culprit) != 1<<17 || len(c.Object) != 1<<17 {
		t.Error("the caller's event was changed")
	}
	r, err := ReadRecord(dir)
	if err != nil || len(r.Events) != 2 || strings.Contains(r.Events[0].Finding.Evidence+r.Events[0].Change.Diff, "CANARY") {
		t.Errorf("%d events: %v", len(r.Events), err)
	}
}

// A crash can cut the file at every byte: what was written whole is read, and nothing else.
func TestATornLastLineCountsAsNeverWritten(t *testing.T) {
	r := untreated()
	r.Events = r.Events[:8]
	dir := write(t, t.TempDir(), r)
	path := filepath.Join(dir, EventsFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(text) + 1 {
		got, err := parseEvents(bytes.NewReader(text[:n]))
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if whole := bytes.Count(text[:n], []byte("\n")); len(got) != whole {
			t.Fatalf("cut at %d: %d events, want %d", n, len(got), whole)
		}
	}
}

func TestAnyOtherDamageIsAnError(t *testing.T) {
	const one, two = `{"seq":1,"at_ns":0,"kind":"note","ok":true}` + "\n", `{"seq":2,"at_ns":5,"kind":"note","ok":true}` + "\n"
	if got, err := parseEvents(strings.NewReader(one + two)); err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	for name, text := range map[string]string{
		"hole": two, "line lost": one + strings.Replace(two, "2", "3", 1), "twice": one + one, "empty line": one + "\n" + two, "torn within": one[:20] + "\n" + two,
		"not JSON": "x\n", "two values": strings.TrimSuffix(one, "\n") + "{}\n", "unknown field": strings.Replace(one, "ok", "oj", 1),
		"wrong type": strings.Replace(one, "true", "1", 1), "endless": strings.Repeat("x", lineMax+1), "zeros": "\x00\x00\n",
	} {
		if got, err := parseEvents(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read %d events", name, len(got))
		}
	}
}

func TestTheVersionOfARecordIsChecked(t *testing.T) {
	run := t.TempDir()
	newer := untreated()
	newer.Version = slo.RecordVersion + 1
	dir := write(t, run, newer)
	if _, err := ReadRecord(dir); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprint("version ", newer.Version)) {
		t.Errorf("newer: %v", err)
	}
	for _, text := range []string{``, `{}`, `{"version":0}`, `{"version":-1}`, `{"version":1,"x":1}`, `{"version":1}{}`, `[]`, `null`, `{"version":"1"}`} {
		if _, err := parseRecord([]byte(text)); err == nil {
			t.Errorf("read %q", text)
		}
	}
	if _, err := parseRecord(fmt.Appendf(nil, `{"version":%d,"something":"new"}`, newer.Version)); !errors.Is(err, ErrNewer) {
		t.Errorf("newer with other fields: %v", err)
	}
}

func TestHalfARecordOrAMovedOneIsAnError(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"no record": func(dir string) error { return os.Remove(filepath.Join(dir, RecordFile)) },
		"no events": func(dir string) error { return os.Remove(filepath.Join(dir, EventsFile)) },
		"moved":     func(dir string) error { return os.Rename(dir, filepath.Join(filepath.Dir(dir), "treated")) },
		"damaged":   func(dir string) error { return os.WriteFile(filepath.Join(dir, EventsFile), []byte("x\n"), fileMode) },
	} {
		run := t.TempDir()
		if err := spoil(write(t, run, untreated())); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadRun(run); err == nil || !strings.Contains(err.Error(), run) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	run := t.TempDir()
	if _, err := CreateArm(run, "x", slo.Treated); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadRun(run); err != nil || len(got) != 0 {
		t.Errorf("an arm that was never begun: %v %v", got, err)
	}
	if _, err := ReadRun(filepath.Join(run, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no run: %v", err)
	}
}

func TestLatestPointsToTheNewestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	for _, run := range []string{"r1", "r2"} {
		if _, err := CreateRun(out, run); err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(filepath.Join(out, LatestLink)); err != nil || to != run {
			t.Errorf("latest -> %s, %v", to, err)
		}
	}
	if _, err := CreateRun(out, "r1"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same run again: %v", err)
	}
	for _, run := range []string{"", ".", "..", "a/b", "latest", "-x", "a\nb", strings.Repeat("a", 101)} {
		if _, err := CreateRun(out, run); err == nil {
			t.Errorf("run %q", run)
		}
		if _, err := CreateArm(filepath.Join(out, "r1"), run, slo.Treated); err == nil {
			t.Errorf("scenario %q", run)
		}
		if _, err := CreateArm(filepath.Join(out, "r1"), "x", slo.Arm(run)); err == nil {
			t.Errorf("arm %q", run)
		}
	}
	entries, _ := os.ReadDir(out)
	if len(entries) != 3 {
		t.Errorf("left behind: %v", entries)
	}
	os.Remove(filepath.Join(out, LatestLink))
	os.Mkdir(filepath.Join(out, LatestLink), 0o700)
	if _, err := CreateRun(out, "r3"); err == nil {
		t.Error("a directory was taken for the link")
	}
}

func TestWhatARunLeavesBehindIsForItsOwnerAlone(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	run, err := CreateRun(out, "r1")
	if err != nil {
		t.Fatal(err)
	}
	write(t, run, untreated())
	if err := Write(run, results(found())); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fileMode
		if d.IsDir() {
			want = dirMode
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil || files != 9 {
		t.Errorf("%d files: %v", files, err)
	}
}

func TestResultsReadBackAsTheyWereWritten(t *testing.T) {
	run, want := t.TempDir(), results(found())
	if err := Write(run, want); err != nil {
		t.Fatal(err)
	}
	verdicts, err := ReadVerdicts(run)
	if err != nil || !reflect.DeepEqual(verdicts, want.Verdicts) {
		t.Errorf("%v\n%+v\n%+v", err, verdicts, want.Verdicts)
	}
	timings, err := ReadTimings(run)
	if cells := timesOf(want).cells(); err != nil || !reflect.DeepEqual(timings, cells) || len(cells) < 20 {
		t.Errorf("%v %+v", err, timings)
	}
	if code, err := os.ReadFile(filepath.Join(run, ExitFile)); err != nil || string(code) != "1\n" {
		t.Errorf("exit %q %v", code, err)
	}
	if err := Write(run, Results{Run: "r1", Exit: 2}); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(filepath.Join(run, VerdictsFile)); string(text) != "[]\n" {
		t.Errorf("no verdicts: %q", text)
	}
	for _, text := range []string{``, `null`, `{}`, `[{"name":"x"}]`, `[{"name":"x","verdict":"passed"}]`, `[{"verdict":"pass","extra":1}]`, `[][]`} {
		if got, err := parseVerdicts([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}
