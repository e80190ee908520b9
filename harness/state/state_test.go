package state

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func env(pairs map[string]string) func(string) string {
	return func(k string) string { return pairs[k] }
}

func TestDirectoriesFollowXDGAndFallBackToHome(t *testing.T) {
	home, xdg := t.TempDir(), t.TempDir()
	for name, c := range map[string]struct {
		dir  func(func(string) string) (string, error)
		env  map[string]string
		want string
	}{
		"state under HOME": {Dir, map[string]string{"HOME": home}, home + "/.local/state/nov30"},
		"state under XDG":  {Dir, map[string]string{"HOME": home, "XDG_STATE_HOME": xdg}, xdg + "/nov30"},
		"cache under HOME": {CacheDir, map[string]string{"HOME": home}, home + "/.cache/nov30"},
		"cache under XDG":  {CacheDir, map[string]string{"XDG_CACHE_HOME": xdg}, xdg + "/nov30"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.dir(env(c.env))
			if err != nil || got != c.want {
				t.Fatalf("got %q, %v; want %q", got, err, c.want)
			}
			if info, err := os.Stat(got); err != nil || !info.IsDir() {
				t.Fatalf("%s was not created: %v", got, err)
			}
		})
	}
}

func TestDirectoryIsTheOwnersAloneWhateverTheUmaskAndTheFormerMode(t *testing.T) {
	for _, umask := range []int{0, 0o277} {
		home := t.TempDir()
		old := syscall.Umask(umask)
		got, err := Make(filepath.Join(home, "nov30"))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		mode(t, got)
		if err := os.Chmod(got, 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Make(got); err != nil {
			t.Fatal(err)
		}
		mode(t, got)
	}
}

func mode(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("mode %v, %v; want 0700", info.Mode(), err)
	}
}

func TestMissingHomeAndRelativePathsAreErrorsThatNameTheVariable(t *testing.T) {
	for _, vars := range []map[string]string{
		{}, {"XDG_STATE_HOME": "state"}, {"HOME": "."},
	} {
		if got, err := Dir(env(vars)); err == nil || !strings.Contains(err.Error(), "XDG_STATE_HOME") {
			t.Errorf("%v: got %q, %v; want an error", vars, got, err)
		}
	}
}

func TestAFileInTheWayIsAnError(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "nov30"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(filepath.Join(home, "nov30")); err == nil {
		t.Fatal("a file was taken for a directory")
	}
}
