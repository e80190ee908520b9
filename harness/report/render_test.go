package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

var made = []string{HTMLFile, MarkdownFile, JUnitFile, ConfusionFile}

// saved writes a run to the disk, records and results, as a session does.
func saved(t *testing.T, r Results) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), r.Run)
	if err := os.Mkdir(dir, dirMode); err != nil {
		t.Fatal(err)
	}
	for _, arms := range r.Records {
		for _, rec := range arms {
			write(t, dir, rec)
		}
	}
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReportsMadeAgainFromTheFilesAloneAreTheSame(t *testing.T) {
	dir := saved(t, gallery(found()))
	before := map[string][]byte{}
	for _, name := range made {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", name, len(text), err)
		}
		before[name] = text
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(filepath.Dir(dir), LatestLink)
	if err := os.Symlink(filepath.Base(dir), link); err != nil {
		t.Fatal(err)
	}
	if err := Render(link); err != nil {
		t.Fatal(err)
	}
	for _, name := range made {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(text, before[name]) {
			t.Errorf("%s is another one: %v", name, err)
		}
	}
	if !bytes.Contains(before[HTMLFile], []byte(`href="vandal/treated/events.jsonl"`)) {
		t.Error("the records are not linked")
	}
}

// The session has no record of an arm that was broken off; the disk has.
func TestAnArmThatWasBrokenOffIsReportedFromTheDisk(t *testing.T) {
	r := only(gallery(found()), "vandal")
	dir := saved(t, r)
	r.Records = Records{"vandal": {slo.Untreated: r.Records["vandal"][slo.Untreated]}}
	delete(r.Verdicts[0].Arms, slo.Treated)
	if err := Write(dir, r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, HTMLFile))
	if err != nil || !strings.Contains(string(text), "was broken off") {
		t.Errorf("not told: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vandal", "treated", EventsFile), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, r); err != nil {
		t.Errorf("a damaged record keeps the others from being reported: %v", err)
	}
}

func TestADamagedRunIsNamedWithWhatToDo(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(dir string) error
		says  []string
	}{
		"no verdicts":      {remove(VerdictsFile), []string{VerdictsFile, "nov30 judge "}},
		"damaged verdicts": {fill(VerdictsFile, "{"), []string{VerdictsFile, "damaged", "nov30 judge "}},
		"no exit":          {remove(ExitFile), []string{ExitFile, "write the number"}},
		"damaged exit":     {fill(ExitFile, "zero\n"), []string{ExitFile, "damaged"}},
		"damaged timings":  {fill(TimingsFile, "x"), []string{TimingsFile, "damaged", "`[]`"}},
		"damaged events":   {fill("vandal/sham/"+EventsFile, "x\n"), []string{EventsFile, "line 1 is damaged", "take its directory away"}},
		"no events":        {remove("vandal/sham/" + EventsFile), []string{EventsFile, "half a record"}},
		"newer record":     {fill("vandal/sham/"+RecordFile, `{"version":99}`), []string{RecordFile, "newer than this program"}},
	} {
		dir := saved(t, only(gallery(found()), "vandal"))
		if err := tt.spoil(dir); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(filepath.Join(dir, HTMLFile))
		err := Render(dir)
		for _, says := range tt.says {
			if err == nil || !strings.Contains(err.Error(), says) || errors.Is(err, ErrNoRun) {
				t.Errorf("%s: %v, want %q", name, err, says)
			}
		}
		if after, _ := os.ReadFile(filepath.Join(dir, HTMLFile)); !bytes.Equal(before, after) {
			t.Errorf("%s: the report was written all the same", name)
		}
	}
}

func remove(name string) func(string) error {
	return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
}

func fill(name, text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
}

func TestADirectoryThatIsNoRunIsToldFromADamagedOne(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if err := Render(dir); !errors.Is(err, ErrNoRun) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("files were written: %v", left)
		}
	}
}
