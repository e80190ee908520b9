package tool

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/redact"
	"github.com/nov30/nov30/harness/slo"
)

const good = "name: x\nversion: v1\ndetect: {exec: [sh, -c, watch]}\nrecover: {exec: [./heal]}\ndeadlines: {detect: 90s, recover: 3m}\n"

func TestAToolFileIsReadAndItsProgramsFound(t *testing.T) {
	dir, first := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(good), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "heal"), nil, 0o700))
	must(t, os.WriteFile(filepath.Join(first, "sh"), nil, 0o700))
	tool, err := Load(filepath.Join(dir, "x.yaml"), first)
	must(t, err)
	if tool.Detect.Exec[0] != filepath.Join(first, "sh") || tool.Recover.Exec[0] != filepath.Join(dir, "heal") || len(tool.Detect.Exec) != 3 {
		t.Errorf("programs %v %v", tool.Detect, tool.Recover)
	}
	if tool.Deadlines.Detect.Duration != 90*time.Second || tool.Deadlines.Recover.Duration != 3*time.Minute || tool.String() != "x v1" {
		t.Errorf("%+v", tool)
	}
	tool, err = Load(filepath.Join(dir, "x.yaml"))
	must(t, err)
	if !filepath.IsAbs(tool.Detect.Exec[0]) || filepath.Base(tool.Detect.Exec[0]) != "sh" {
		t.Errorf("not found in PATH: %v", tool.Detect)
	}
}

func TestARelativeToolFileInTheWorkingDirectoryFindsItsOwnProgram(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	must(t, os.WriteFile("x.yaml", []byte(good), 0o600))
	must(t, os.WriteFile("heal", nil, 0o700))
	tool, err := Load("x.yaml")
	must(t, err)
	if got, _ := filepath.EvalSymlinks(tool.Recover.Exec[0]); got == "" || filepath.Base(got) != "heal" || !filepath.IsAbs(tool.Recover.Exec[0]) {
		t.Errorf("got %v", tool.Recover)
	}
}

func TestABadToolFileIsAnErrorThatNamesFileFieldAndFix(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name: x", "name: ''", "name: is empty"},
		{"version: v1\n", "", "version: missing; give the tool's version"},
		{"version: v1", "version: 1.10", "version: must be text; put what looks like a number in quotes"},
		{"{exec: [sh, -c, watch]}", "{}", "detect.exec: missing; give a program"},
		{"{exec: [sh, -c, watch]}", "watch", "detect: must be a mapping with the fields exec"},
		{"[./heal]", "['']", "recover.exec[0]: is empty"},
		{"[./heal]", "./heal", "recover.exec: must be a list"},
		{"[./heal]", "[./heal, ~]", "recover.exec[1]: must be text"},
		{"[./heal]", "[./gone]", `recover.exec: no executable "./gone"`},
		{"[sh,", "[nov30-no-such-program,", `no executable "nov30-no-such-program" (looked for /d/nov30-no-such-program, PATH)`},
		{"detect: {", "detct: {", "detct: unknown field; the fields here are deadlines, detect, name, recover, version"},
		{"name: x", "Name: x", "Name: unknown field"},
		{"recover: {exec", "recover: {shell: x, exec", "recover.shell: unknown field; the fields here are exec"},
		{"90s", "ninety", "deadlines.detect: must be a time such as 90s"},
		{"90s", "120", "deadlines.detect: must be a time such as 90s"},
		{"90s", "10ms", "deadlines.detect: 10ms is not between 1s and 1h0m0s"},
		{"90s", "0s", "deadlines.detect: 0s is not between"},
		{"3m", "2h", "deadlines.recover: 2h0m0s is not between"},
		{"3m", "-3m", "deadlines.recover"},
		{"name: x", "name: x\nname: y", `key "name" already set`},
	} {
		path := filepath.Join(t.TempDir(), "x.yaml")
		must(t, os.WriteFile(path, []byte(strings.Replace(good, c.old, c.new, 1)), 0o600))
		_, err := Load(path, "/d")
		wantError(t, err, path, c.want)
	}
	_, err := Parse([]byte("name: 1\nrecover: {exec: [x]}\ndeadlines: {detect: x, retry: 1s}"))
	wantError(t, err, "name: must", "version: missing", "detect: missing", "deadlines.detect: must", "deadlines.retry: unknown")
	_, err = Parse([]byte("- x"))
	wantError(t, err, "the file: must be a mapping with the fields deadlines, detect")
	_, err = Load("/nowhere.yaml")
	wantError(t, err, "/nowhere.yaml")
}

// shipped lists every tool file in the binary.
func shipped(t *testing.T) []string {
	t.Helper()
	top, err := fs.Glob(toolsfs.FS, "*.yaml")
	must(t, err)
	doubles, err := fs.Glob(toolsfs.FS, "doubles/*.yaml")
	must(t, err)
	return append(top, doubles...)
}

func TestTheShippedToolsAreValidAndFound(t *testing.T) {
	if n := len(shipped(t)); n < 2+15 {
		t.Fatalf("only %d", n)
	}
	for _, name := range shipped(t) {
		text, err := fs.ReadFile(toolsfs.FS, name)
		must(t, err)
		tool, err := Parse(text)
		must(t, err)
		if tool.Name+".yaml" != filepath.Base(name) {
			t.Errorf("%s is called %s", name, tool.Name)
		}
		if tool.Name == "medic" {
			continue // its program is built
		}
		if _, err := Load(filepath.Join("../../fixtures/tools", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestEveryDoubleHasAFileAndEveryFileItsVerdict(t *testing.T) {
	files := map[string]bool{}
	for _, d := range toolsfs.Doubles() {
		text, err := fs.ReadFile(toolsfs.FS, d.File)
		must(t, err)
		if files[d.File] || d.State != "fail" || d.Reason == "" || d.Arm != "treated" && d.Arm != "sham" || !strings.Contains(string(text), "name: "+d.Name+"\n") {
			t.Errorf("%+v", d)
		}
		if comment, _, _ := strings.Cut(string(text), "\nname: "); !strings.HasPrefix(comment, "# ") || !strings.Contains(strings.ReplaceAll(comment, "\n# ", " "), "It must fail: ") {
			t.Errorf("%s does not say what it does and which verdict it must get: %s", d.File, comment)
		}
		files[d.File] = true
	}
	if n := len(shipped(t)) - 2; len(files) != n || n < 15 {
		t.Errorf("%d doubles in the table, %d files", len(files), n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("name: [1]"))
	f.Add([]byte("detect: {exec: [\"\\0\"]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tool, err := Parse(text)
		if err == nil && (tool.Name == "" || tool.Version == "" || len(tool.Detect.Exec) == 0 || len(tool.Recover.Exec) == 0 ||
			tool.Deadlines.Detect.Duration < time.Second || tool.Deadlines.Recover.Duration < time.Second) {
			t.Fatalf("%q gives %+v", text, tool)
		}
	})
}

func TestOnlyTheListsCulpritsAreValid(t *testing.T) {
	for _, c := range Culprits() {
		if !ValidCulprit(strings.Replace(c, "@NODE", "@nov30-x-worker", 1)) {
			t.Errorf("%s is not valid", c)
		}
		if strings.Contains(c, "@") && ValidCulprit(strings.TrimSuffix(c, "@NODE")) {
			t.Errorf("%s is valid without a node", c)
		}
	}
	for _, c := range []string{"", "etcd", "etcd/server@n", "clock@", "clock@a@b", "clock@a b", "clock@A", "@n", "CA", "ca ", "node"} {
		if ValidCulprit(c) {
			t.Errorf("%q is valid", c)
		}
	}
}

func TestAFindingIsCleanedForTheRecord(t *testing.T) {
	long := strings.Repeat("ü", 3000)
	f, err := parseFinding([]byte(`{"severity":"warning","kind":"k","culprit":"ca","node":"n","evidence":"` + long + `","more":[1]}`))
	must(t, err)
	if len(f.Evidence) > evidenceMax || !strings.HasPrefix(long, f.Evidence) || f.Evidence == "" {
		t.Errorf("evidence of %d bytes", len(f.Evidence))
	}
	for _, secret := range []string{"-----BEGIN RSA PRIVATE KEY-----\\ncanary", "client-key-data: canary", "token eyJhbGciOiJSUzI1canary",
		strings.Repeat("x ", 490) + "abcdef.0123456789canary"} {
		f, err := parseFinding([]byte(`{"severity":"critical","culprit":"ca","evidence":"` + secret + `"}`))
		must(t, err)
		if strings.Contains(f.Evidence, "canary") || !strings.Contains(f.Evidence, redact.Removed) {
			t.Errorf("evidence %q", f.Evidence)
		}
	}
	for _, line := range []string{"", "null", "[]", "1", `"x"`, "{", `{"severity":"critical"}`, `{"severity":"critical","culprit":" "}`,
		`{"severity":"CRITICAL","culprit":"ca"}`, `{"culprit":"ca"}`, `{"severity":1,"culprit":"ca"}`, `{"severity":"critical","culprit":"ca"} x`} {
		if f, err := parseFinding([]byte(line)); err == nil {
			t.Errorf("%q gives %+v", line, f)
		}
	}
}

func TestACulpritThatIsNotInTheListIsRecordedAndNotedOnce(t *testing.T) {
	var notes []string
	found := 0
	d := detections{note: func(n string) { notes = append(notes, n) }, found: func(slo.ToolFinding) { found++ }}
	line := func(culprit string) string { return `{"severity":"warning","culprit":"` + culprit + `"}` + "\n" }
	d.read(strings.NewReader(line("etcd") + line("etcd/server") + line("etcd") + line("clock@w") + line("clock")))
	want := []string{
		`detector: line 1: unknown culprit "etcd"; see the list in harness/tool/culprits.go`,
		`detector: line 5: unknown culprit "clock"; see the list in harness/tool/culprits.go`,
	}
	if found != 5 || !slices.Equal(notes, want) {
		t.Errorf("%d found, notes %q", found, notes)
	}
	var flood strings.Builder
	for i := range 1000 {
		flood.WriteString(line(fmt.Sprint("x", i)))
	}
	notes, found, d.unknown = nil, 0, nil
	d.read(strings.NewReader(flood.String()))
	if found != 1000 || len(notes) != unknownMax+1 || !strings.Contains(notes[unknownMax], "more unknown culprits") {
		t.Errorf("%d found, notes %q", found, notes)
	}
}

func FuzzFindings(f *testing.F) {
	f.Add([]byte(critical + "\n\n{}\n" + `{"severity":"critical","culprit":"\ud800","evidence":"-----BEGIN PRIVATE KEY-----"}`))
	f.Add([]byte(strings.Repeat("x", lineMax+1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		notes := 0
		d := detections{note: func(string) { notes++ }, found: func(f slo.ToolFinding) {
			if f.Culprit == "" && f.Severity == "" || len(f.Culprit) > nameMax || len(f.Evidence) > evidenceMax || strings.Contains(f.Evidence, "-----BEGIN PRIVATE KEY-----") {
				t.Fatalf("%+v", f)
			}
		}}
		d.read(strings.NewReader(string(text)))
		if notes > notesMax+1+unknownMax+1 || d.bad+d.findings != d.lines {
			t.Fatalf("%d notes, %+v", notes, d)
		}
	})
}
