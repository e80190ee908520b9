package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

// timed is a node whose API server's answers take as long as the test says, before and after the unit was started.
type timed struct {
	*journaltest.Cluster
	node    *journaltest.Node
	before  []int // hundredths of a second
	after   []int
	failing error // of the measurement that comes then
	unit    []string
	refused error // of systemd-run
}

func newTimed(t *testing.T) *timed {
	x := &timed{Cluster: journaltest.New(t, cluster.ControlPlane), before: slices.Repeat([]int{5}, slowMeasures), after: slices.Repeat([]int{35}, slowMeasures)}
	x.node = x.Directories[0]
	x.node.Commands["systemd-run"] = func(_ context.Context, _ []byte, argv []string) ([]byte, error) {
		x.unit = argv
		return nil, x.refused
	}
	x.node.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if len(argv) < 3 || argv[2] != answerScript {
			return run()
		}
		times := x.before
		if x.unit != nil {
			times = x.after
		}
		if times == nil {
			return nil, x.failing
		}
		return []byte(strings.Trim(strings.Join(strings.Fields(fmt.Sprint(times)), "\n"), "[]") + "\n"), nil
	}
	return x
}

func TestTheUnitIsJournaledThenStartedAndEndsWithoutAVictim(t *testing.T) {
	x := newTimed(t)
	f, err := journal.Create(filepath.Join(t.TempDir(), "journal"), journal.Meta{Run: "r1", Cluster: x.Name(),
		CASHA256: strings.Repeat("0", 64), APIServer: "https://127.0.0.1:6443", Created: night})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	j := &journaltest.Journal{Before: func(i journal.Inverse) {
		if x.unit != nil {
			t.Error("the unit was started before its inverse was journaled")
		}
		if err := f.Append(i); err != nil {
			t.Error(err)
		}
	}}
	if err := (SlowAPIServer{}).Inject(t.Context(), x, j); err != nil {
		t.Fatal(err)
	}
	if len(j.Inverses) != 1 || j.Inverses[0].Op != journal.StopUnit || j.Inverses[0].Program != "kube-apiserver" {
		t.Errorf("inverses %v", j.Inverses)
	}
	for _, want := range []string{"--unit=" + j.Inverses[0].Unit, "--collect", "--property=RuntimeMaxSec=3600",
		`--property=ExecStopPost=-/usr/bin/pkill -CONT -f '^([^ ]*/)?kube-apiserver( |$$)'`, `^([^ ]*/)?kube-apiserver( |$)`, "0.4", "0.2"} {
		if !slices.Contains(x.unit, want) {
			t.Errorf("systemd-run is not told %q: %q", want, x.unit)
		}
	}
}

func TestAnAPIThatIsNotSlowerOrNotHealthyIsAnError(t *testing.T) {
	down := errors.New("connection 3: /readyz did not answer with status 200")
	few := func(n, of int) []int { // n of them are slow
		return append(slices.Repeat([]int{40}, n), slices.Repeat([]int{5}, of-n)...)
	}
	for name, c := range map[string]struct {
		spoil   func(*timed)
		want    error
		started bool
	}{
		"as fast as before":     {func(x *timed) { x.after = x.before }, ErrNotSlower, true},
		"a little slower":       {func(x *timed) { x.after = slices.Repeat([]int{14}, slowMeasures) }, ErrNotSlower, true},
		"slow for a few":        {func(x *timed) { x.after = few(slowMeasures/2, slowMeasures) }, ErrNotSlower, true},
		"slow all the time":     {func(x *timed) { x.before = x.after }, ErrNotSlower, true},
		"down once it is slow":  {func(x *timed) { x.after, x.failing = nil, down }, down, true},
		"down before":           {func(x *timed) { x.before, x.failing = nil, down }, down, false},
		"fewer answers":         {func(x *timed) { x.after = x.after[1:] }, nil, true},
		"time ran backwards":    {func(x *timed) { x.after[3] = -35 }, nil, true},
		"no systemd":            {func(x *timed) { x.refused = errors.New("exit status 1") }, nil, true},
		"the node is off":       {func(x *timed) { x.node.Running = false }, nil, false},
		"nobody measures":       {func(x *timed) { x.before = []int{} }, nil, false},
		"there is no such node": {func(x *timed) { x.Directories = nil }, cluster.ErrNoNode, false},
	} {
		x := newTimed(t)
		c.spoil(x)
		err := SlowAPIServer{}.Inject(t.Context(), x, &journaltest.Journal{})
		if err == nil || c.want != nil && !errors.Is(err, c.want) || (x.unit != nil) != c.started {
			t.Errorf("%s: %v, started %v; want %v, %v", name, err, x.unit != nil, c.want, c.started)
		}
	}
	x := newTimed(t)
	if err := (SlowAPIServer{}).Inject(t.Context(), x, &journaltest.Journal{Fails: 1}); !errors.Is(err, journaltest.ErrFull) || x.unit != nil {
		t.Errorf("no journal: %v, started %v", err, x.unit != nil)
	}
}

// TestAnswersAreTimed runs the real script against a real server.
func TestAnswersAreTimed(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	status := http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		time.Sleep(200 * time.Millisecond) // what is measured
		w.WriteHeader(status)
	}))
	defer server.Close()
	script := func() ([]byte, error) {
		return exec.CommandContext(t.Context(), "sh", "-c", answerScript, "sh", strings.TrimPrefix(server.URL, "https://"), "2").Output()
	}
	out, err := script()
	if err != nil {
		t.Fatal(err)
	}
	if times := strings.Fields(string(out)); len(times) != 2 || len(times[0]) < 2 || times[0] < "20" || times[1] < "20" {
		t.Errorf("an answer after 0.2 s is timed as %q hundredths", times)
	}
	status = http.StatusInternalServerError
	if out, err := script(); err == nil {
		t.Errorf("an unhealthy API is timed: %s", out)
	}
	server.Close()
	if out, err := script(); err == nil {
		t.Errorf("a dead API is timed: %s", out)
	}
}

// TestTheUnitsScriptStopsAndContinues runs the real one, on a program name that nothing else on the host has.
func TestTheUnitsScriptStopsAndContinues(t *testing.T) {
	if _, err := exec.LookPath("pkill"); err != nil {
		t.Skip("procps is not installed")
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	name := "nov30-test-pulsed-" + filepath.Base(filepath.Dir(t.TempDir()))
	victim := &exec.Cmd{Path: sleep, Args: []string{name, "60"}}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	unit := exec.Command("sh", "-c", slowScript, "sh", "^"+name+"( |$)", "0.05", "0.05")
	unit.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := unit.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-unit.Process.Pid, syscall.SIGKILL) // the script and its sleep
		_, _, _ = unit.Wait(), victim.Process.Kill(), victim.Wait()
	}()
	seen := map[byte]int{}
	look, over := time.Tick(3*time.Millisecond), time.After(20*time.Second)
	for seen['T'] < 3 || seen['S'] < 3 {
		select {
		case <-over:
			t.Fatalf("states %v", seen)
		case <-look:
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", victim.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		seen[stat[strings.LastIndexByte(string(stat), ')')+2]]++
	}
}
