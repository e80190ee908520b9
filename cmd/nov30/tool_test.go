package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	toolsfs "github.com/nov30/nov30/fixtures/tools"
	"github.com/nov30/nov30/harness/tool"
)

// nov30Tool runs `nov30 tool …` and gives its exit code.
func nov30Tool(t *testing.T, args ...string) (code int, out string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "nov30", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newTool())
	usageArgs(root)
	var stdout bytes.Buffer
	root.SetOut(&stdout)
	root.SetArgs(append([]string{"tool"}, args...))
	if err = root.ExecuteContext(t.Context()); err != nil {
		code = exitCode(t.Context(), err)
	}
	return code, stdout.String(), err
}

// toolFile writes a tool file beside a program called heal.
func toolFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.yaml")
	for name, content := range map[string]string{path: text, filepath.Join(dir, "heal"): ""} {
		if err := os.WriteFile(name, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

const goodTool = "name: x\nversion: v1\ndetect: {exec: [./heal, --watch, 'two words', '']}\nrecover: {exec: [./heal]}\ndeadlines: {recover: 90s}\n"

func TestToolCheckPrintsWhatWouldBeRun(t *testing.T) {
	path := toolFile(t, goodTool)
	program := filepath.Join(filepath.Dir(path), "heal")
	code, out, err := nov30Tool(t, "check", path)
	want := path + ": x v1\n  detect   within 1m0s   " + program + " --watch \"two words\" \"\"\n  recover  within 1m30s  " + program + "\n"
	if code != 0 || err != nil || out != want {
		t.Errorf("exit %d, %v:\n%s\nwant\n%s", code, err, out, want)
	}
	var rows []struct {
		File, Name, Version string
		Detect              struct{ Exec []string }
		Deadlines           struct{ Detect, Recover string }
	}
	code, out, err = nov30Tool(t, "check", "-o", "json", path)
	if code != 0 || err != nil || json.Unmarshal([]byte(out), &rows) != nil || len(rows) != 1 || rows[0].File != path || rows[0].Name != "x" ||
		rows[0].Detect.Exec[2] != "two words" || rows[0].Deadlines.Recover != "1m30s" {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
}

func TestToolCheckNamesEveryMistakeOfEveryFileAndExits64(t *testing.T) {
	good, bad := toolFile(t, goodTool), toolFile(t, "version: 1.0\ndetect: {exec: [./gone]}\nrecover: {shell: x}\n")
	gone := toolFile(t, "name: x\nversion: v1\ndetect: {exec: [./gone]}\nrecover: {exec: [./lost]}\n")
	code, out, err := nov30Tool(t, "check", bad, good, gone, "/nowhere.yaml")
	if code != 64 || err == nil || !strings.HasPrefix(out, good+": x v1\n") || strings.Contains(out, bad) {
		t.Fatalf("exit %d, %v:\n%s", code, err, out)
	}
	for _, want := range []string{bad, "name: missing", "version: must be text", "recover.shell: unknown field", "recover.exec: missing",
		gone, `detect.exec: no executable "./gone"`, `recover.exec: no executable "./lost"`, "/nowhere.yaml"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	code, out, _ = nov30Tool(t, "check", "-o", "json", bad)
	if code != 64 || out != "[]\n" {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, args := range [][]string{{"check"}, {"check", "-o", "yaml", good}, {"schema", "journal"}, {"schema", "tool", "tool"}, {"culprits", "x"}, {"culprits", "-o", "yaml"}, {"gone"}} {
		if code, _, err := nov30Tool(t, args...); code != 64 {
			t.Errorf("%v: exit %d, %v", args, code, err)
		}
	}
}

func TestToolSchemaPrintsTheSchemas(t *testing.T) {
	for _, args := range [][]string{nil, {"tool"}, {"context"}, {"finding"}} {
		name := strings.Join(append([]string{}, args...), "")
		if name == "" {
			name = "tool"
		}
		want, err := toolsfs.FS.ReadFile(name + ".schema.json")
		if err != nil {
			t.Fatal(err)
		}
		if code, out, err := nov30Tool(t, append([]string{"schema"}, args...)...); code != 0 || err != nil || out != string(want) || !json.Valid(want) {
			t.Errorf("%v: exit %d, %v: %.80s", args, code, err, out)
		}
	}
}

func TestToolCulpritsPrintsTheList(t *testing.T) {
	_, table, err := nov30Tool(t, "culprits")
	_, text, err2 := nov30Tool(t, "culprits", "-o", "json")
	var list []string
	if err != nil || err2 != nil || json.Unmarshal([]byte(text), &list) != nil || !slices.Equal(list, tool.Culprits()) ||
		table != strings.Join(tool.Culprits(), "\n")+"\n" || !slices.Contains(list, "etcd/server") {
		t.Errorf("%v %v\n%s\n%s", err, err2, table, text)
	}
}

func TestToolCommandsHaveHelpWithExamples(t *testing.T) {
	for _, args := range [][]string{{}, {"check"}, {"schema"}, {"culprits"}} {
		code, out, err := nov30Tool(t, append(args, "--help")...)
		if code != 0 || err != nil || !strings.Contains(out, "Examples:\n  "+strings.Join(append([]string{"nov30", "tool"}, args...), " ")) {
			t.Errorf("%v: exit %d, %v:\n%s", args, code, err, out)
		}
	}
}
