package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/engine"
)

// fakeEngine is a provider on a shell script in the place of docker. The script answers by the branches of a case
// statement over its arguments; what no branch knows fails. calls gives the commands that were run, a line each.
func fakeEngine(t *testing.T, branches string) (p Provider, calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\ncd " + dir + "\nprintf '%s\\n' \"$*\" >>log\ncase \"$*\" in\n" + branches +
		"\n*) echo \"unexpected: $*\" >&2; exit 97;;\nesac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	p = Provider{Engine: &engine.Engine{Name: "docker", Bin: filepath.Join(dir, "docker")}, Clock: hurry{clockwork.NewRealClock()}, Home: "home1"}
	return p, func() []string {
		text, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// hurry is a clock on which no wait takes any time.
type hurry struct{ clockwork.Clock }

func (h hurry) After(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- h.Now()
	return c
}

// ran tells whether a command that begins so was run.
func ran(calls []string, start string) bool {
	for _, c := range calls {
		if strings.HasPrefix(c, start) {
			return true
		}
	}
	return false
}
