package experiment

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/journal"
)

// bench is a state directory and an engine that is a shell script.
type bench struct {
	cluster.Provider
	home Home
	dir  string
	said []string
}

// elsewhere answers how many clusters fit: nobody knows, of an engine on another machine.
const elsewhere = `'info --format {{json .}}') echo '{"KernelVersion":"another","NCPU":2,"MemTotal":1,"OSType":"linux"}'; exit;;
'ps --filter label=io.x-k8s.kind.cluster --format {{.Label "io.x-k8s.kind.cluster"}}') exit;;`

// newBench makes one whose engine answers by the branches of a case statement over its arguments; what no branch knows
// fails.
func newBench(t *testing.T, branches string) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), home: Home{Dir: t.TempDir()}}
	script := "#!/bin/sh\ncd " + b.dir + "\nprintf '%s\\n' \"$*\" >>log\ncase \"$*\" in\n" + branches + "\n" + elsewhere +
		"\n*) echo \"unexpected: $*\" >&2; exit 97;;\nesac\n"
	if err := os.WriteFile(filepath.Join(b.dir, "docker"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	b.Provider = cluster.Provider{Engine: &engine.Engine{Name: "docker", Bin: filepath.Join(b.dir, "docker")},
		Clock: clockwork.NewRealClock(), Home: b.home.ID()}
	return b
}

func (b *bench) calls() []string {
	text, err := os.ReadFile(filepath.Join(b.dir, "log"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func (b *bench) ran(start string) bool {
	return slices.ContainsFunc(b.calls(), func(c string) bool { return strings.HasPrefix(c, start) })
}

func (b *bench) sweep(t *testing.T, all bool) (Swept, error) {
	t.Helper()
	return Sweep(t.Context(), b.Provider, b.home, Scope{Kept: all}, func(line string) { b.said = append(b.said, line) })
}

// leftBroken writes the journal of a run that died with one inverse in it; it is still held.
func (b *bench) leftBroken(t *testing.T, run, clusterName string) *journal.File {
	t.Helper()
	j, err := journal.Create(b.home.Journals(), journal.Meta{Run: run, Scenario: "s-one", Arm: "treated", Cluster: clusterName,
		CASHA256: strings.Repeat("0a", 32), APIServer: "https://127.0.0.1:40001", Created: time.Date(2019, 11, 30, 10, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(journal.Inverse{Op: journal.StartNode, Node: "n1"}); err != nil {
		t.Fatal(err)
	}
	return j
}
