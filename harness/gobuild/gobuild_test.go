package gobuild

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
