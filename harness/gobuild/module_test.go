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
	"time"
)

// fakeGo puts a go command into PATH that answers by the branches of a case statement over its arguments.
func fakeGo(t *testing.T, branches string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in\n" + branches + "\n*) echo \"unexpected: $*\" >&2; exit 97;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

const listed = `'list -m -versions -json example.com/m') echo '{"Versions":["v1.10.0","v1.9.0","v1.11.0-rc.1","v1.9.2"]}'; exit;;
`

func TestVersionsAreReleasesOldestFirst(t *testing.T) {
	fakeGo(t, listed)
	got, err := Versions(t.Context(), "example.com/m")
	if want := []string{"v1.9.0", "v1.9.2", "v1.10.0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestResolveAsksForTheVersionBeforeTheListAndElseTakesTheNearest(t *testing.T) {
	fakeGo(t, listed+`'mod download -json example.com/m@v1.9.1') echo '{"Dir":"/m"}'; exit;;
'mod download '*) echo '{"Error":"not found"}'; exit 1;;`)
	for want, expect := range map[string]string{
		"v1.9.1": "v1.9.1", // served though not listed
		"v1.8.0": "v1.9.0",
		"v1.9.9": "v1.9.2",
	} {
		if got, err := Resolve(t.Context(), "example.com/m", want); err != nil || got != expect {
			t.Errorf("%s: got %s, %v; want %s", want, got, err, expect)
		}
	}
}

func TestResolveOfAVersionThatIsListedAndBrokenIsAnError(t *testing.T) {
	fakeGo(t, listed+`'mod download '*) echo 'checksum mismatch' >&2; exit 1;;`)
	if got, err := Resolve(t.Context(), "example.com/m", "v1.9.0"); err == nil || !strings.Contains(err.Error(), "checksum mismatch") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestResolveWithoutAProxyGivesBothReasons(t *testing.T) {
	fakeGo(t, `'mod download '*) echo 'no such host' >&2; exit 1;; 'list '*) echo 'module lookup disabled' >&2; exit 1;;`)
	if got, err := Resolve(t.Context(), "example.com/m", "v1.9.0"); err == nil || !strings.Contains(err.Error(), "no such host") || !strings.Contains(err.Error(), "lookup disabled") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDownloadGivesTheDirectoryAndNothingIsNone(t *testing.T) {
	fakeGo(t, `'mod download -json example.com/m@v1.0.0') echo '{"Dir":"/cache/m@v1.0.0"}'; exit;;
'mod download -json example.com/m@v1.1.0') echo '{"Error":"gone from the proxy"}'; exit;;
'mod download -json example.com/m@v1.2.0') echo '{}'; exit;;
'mod download -json example.com/m@v1.3.0') echo 'not JSON'; exit;;`)
	if dir, err := Download(t.Context(), "example.com/m", "v1.0.0"); err != nil || dir != "/cache/m@v1.0.0" {
		t.Errorf("got %s, %v", dir, err)
	}
	for _, v := range []string{"v1.1.0", "v1.2.0", "v1.3.0"} {
		if dir, err := Download(t.Context(), "example.com/m", v); err == nil || !strings.Contains(err.Error(), "example.com/m@"+v) {
			t.Errorf("%s: got %q, %v", v, dir, err)
		}
	}
}

func TestTheCallersFlagsAndWorkspaceDoNotLeakIn(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Setenv("GOWORK", "/somewhere/go.work")
	fakeGo(t, `*) echo "{\"Dir\":\"$GOFLAGS $GOWORK $CGO_ENABLED\"}"; exit;;`)
	if got, err := Download(t.Context(), "example.com/m", "v1.0.0"); err != nil || got != "-mod=mod off 0" {
		t.Errorf("the go command saw %q, %v", got, err)
	}
}

func TestWithoutGoTheErrorSaysWhatItIsFor(t *testing.T) {
	_, err := Find(func(string) (string, error) { return "", exec.ErrNotFound }, func(string) string { return "" })
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("got %v", err)
	}
}

func TestAnInterruptedBuildSaysSoAndLeavesNothing(t *testing.T) {
	fakeGo(t, `'build '*) exec sleep 30;;`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	out := filepath.Join(t.TempDir(), "x")
	if err := Build(ctx, Program{Out: out}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(out + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
