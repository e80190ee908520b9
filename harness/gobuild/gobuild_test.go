package gobuild

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestNearestPrefersTheVersionItselfThenANewerPatchThenAnOlderOne(t *testing.T) {
	served := []string{"v1.33.13", "v1.34.0", "v1.34.2", "v1.34.4", "v1.35.4", "v2.0.0"}
	for want, expect := range map[string]string{
		"v1.34.2": "v1.34.2",
		"v1.34.1": "v1.34.2",
		"v1.34.9": "v1.34.4",
		"v1.35.0": "v1.35.4",
		"v1.20.0": "v1.33.13",
		"v1.99.0": "v1.35.4",
	} {
		if got := Nearest(served, want); got != expect {
			t.Errorf("nearest to %s is %s, want %s", want, got, expect)
		}
	}
	if got := Nearest(nil, "v1.0.0"); got != "" {
		t.Errorf("nothing served, yet nearest is %q", got)
	}
}

func TestGoIsTakenFromPATHThenGOROOTThenItsUsualPlace(t *testing.T) {
	for name, c := range map[string]struct {
		there  []string
		goroot string
		want   string
	}{
		"all":                 {[]string{"go", "/r/bin/go", "/usr/local/go/bin/go"}, "/r", "go"},
		"not in PATH":         {[]string{"/r/bin/go", "/usr/local/go/bin/go"}, "/r", "/r/bin/go"},
		"GOROOT has none":     {[]string{"/usr/local/go/bin/go"}, "/r", "/usr/local/go/bin/go"},
		"no GOROOT":           {[]string{"bin/go", "/usr/local/go/bin/go"}, "", "/usr/local/go/bin/go"},
		"nowhere":             {nil, "/r", ""},
		"GOROOT not absolute": {[]string{"r/bin/go"}, "r", ""},
	} {
		got, err := Find(func(name string) (string, error) {
			if slices.Contains(c.there, name) {
				return name, nil
			}
			return "", errors.New(map[string]string{"go": "not in PATH"}[name])
		}, func(string) string { return c.goroot })
		if got != c.want || (err == nil) != (c.want != "") || (err != nil && !strings.Contains(err.Error(), "not in PATH")) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestBuildMakesAProgramThatRuns(t *testing.T) {
	out := filepath.Join(t.TempDir(), "bin", "hello")
	source := fstest.MapFS{
		"main.go.tmpl":  {Data: []byte("package main\n\nvar word string\n\nfunc main() { print(word) }\n")},
		"other_test.go": {Data: []byte("not even Go")},
		"notes.txt":     {Data: []byte("left out")},
	}
	if err := Build(context.Background(), Program{Source: source, LDFlags: []string{"-X main.word=built"}, Out: out}); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(out).CombinedOutput()
	if err != nil || string(said) != "built" {
		t.Fatalf("the program said %q (%v)", said, err)
	}
}

func TestBuildFailureCarriesTheCompilersWordsAndLeavesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "broken")
	source := fstest.MapFS{"main.go": {Data: []byte("package main\n\nfunc main() { undefined() }\n")}}
	err := Build(context.Background(), Program{Source: source, Out: out})
	if err == nil || !strings.Contains(err.Error(), "undefined") {
		t.Fatalf("error %v does not carry the compiler's words", err)
	}
	if left, _ := filepath.Glob(out + "*"); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
	if _, err := os.Stat(out); err == nil {
		t.Fatal("a broken program exists")
	}
}
