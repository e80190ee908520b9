package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/node"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// testDir makes this test's own program a nov30-node whose directory is that one: a process of its own, on real files.
const testDir = "NOV30_NODE_TEST_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(testDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	a := app{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Hostname: func() (string, error) { return "n1", nil }, Unit: func(node string) unit.Unit {
		return unit.Unit{Dir: dir, Node: unit.Local(node), Clock: clockwork.NewRealClock()}
	}}
	os.Exit(a.run(context.Background(), os.Args[1:]))
}

// process runs nov30-node as a process.
func process(t *testing.T, dir string, stdin []byte, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), testDir+"="+dir)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func request(t *testing.T, i journal.Inverse) []byte {
	t.Helper()
	data, err := json.Marshal(unit.Request{Inverse: i, Meta: journal.Meta{Run: "r1", Scenario: "s", Arm: "a", Cluster: "c",
		CASHA256: strings.Repeat("0", 64), APIServer: "https://127.0.0.1:6443", Created: time.Unix(1575109748, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAsAProcessItAppendsRevertsAndLeavesTheMark(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(files, "server.crt")
	if err := os.WriteFile(path, []byte("healthy"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"expired", "more expired"} {
		before, err := nodeop.Read(t.Context(), unit.Local("n1"), path)
		if err != nil {
			t.Fatal(err)
		}
		q := request(t, journal.Restore("n1", before, []byte(content)))
		out, errs, code := process(t, dir, q, "ttl-append", "--node=n1")
		var receipt unit.Receipt
		if err := json.Unmarshal([]byte(out), &receipt); err != nil || code != 0 || receipt != unit.NewReceipt(q) {
			t.Fatalf("exit %d, %q, %q", code, out, errs)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, code := process(t, dir, nil, "revert") // the node's name is the host name
	got, err := os.ReadFile(path)
	if code != exitOK || string(got) != "healthy" || err != nil || strings.Count(out, "done and verified") != 2 {
		t.Fatalf("exit %d, the file holds %q (%v), it said %q, %q", code, got, err, out, errs)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 || filepath.Base(left[0]) != "fired.json" {
		t.Errorf("left %q", left)
	}
	if left, _ := os.ReadDir(files); len(left) != 1 {
		t.Errorf("left beside the file: %v", left)
	}
	if _, errs, code := process(t, dir, request(t, journal.Inverse{Op: journal.RestoreFile, Node: "n1", Path: path, Absent: true}), "ttl-append"); code != exitFailed || !strings.Contains(errs, "fired") {
		t.Errorf("appended after it fired: exit %d, %q", code, errs)
	}
}

func TestARevertThatIsIncompleteExitsWith4AndOneThatFollowsCompletesIt(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(files, "dir")
	path := filepath.Join(blocked, "f")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	q := request(t, journal.Inverse{Op: journal.RestoreFile, Node: "n1", Path: path, Preimage: []byte("canary-secret"), Mode: 0o600, UID: os.Getuid(), GID: os.Getgid()})
	if _, errs, code := process(t, dir, q, "ttl-append"); code != exitOK {
		t.Fatal(errs)
	}
	out, errs, code := process(t, dir, nil, "revert")
	if code != exitIncomplete || !strings.Contains(errs, "by hand") || strings.Contains(out+errs, "canary") {
		t.Fatalf("exit %d, %q, %q", code, out, errs)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := process(t, dir, nil, "revert"); code != exitOK {
		t.Fatalf("exit %d, %q", code, errs)
	}
	if got, err := os.ReadFile(path); string(got) != "canary-secret" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestARevertThatIsToldToStopGoesOnToItsEnd(t *testing.T) {
	dir, files := t.TempDir(), t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(files, "made-by-the-fault")
	q := request(t, journal.Inverse{Op: journal.RestoreFile, Node: "n1", Path: path, Absent: true})
	if _, errs, code := process(t, dir, q, "ttl-append"); code != exitOK {
		t.Fatal(errs)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := journal.List(dir)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	held, err := journal.Open(found[0].Path) // it waits for this
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "revert")
	cmd.Env = append(os.Environ(), testDir+"="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	marked := func(context.Context) error { _, err := os.Stat(filepath.Join(dir, "fired.json")); return err }
	err = await.Until(t.Context(), clockwork.NewRealClock(), 5*time.Millisecond, 10*time.Second, marked)
	if err := errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), held.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it was not undone: %v", err)
	}
}

func TestHalfARequestIsRefusedAndNothingIsWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	q := request(t, journal.Inverse{Op: journal.RestoreFile, Node: "n1", Path: "/f", Preimage: bytes.Repeat([]byte("canary"), 1000), Mode: 0o600})
	for _, stdin := range [][]byte{nil, q[:len(q)/2], q[:len(q)-1], append(bytes.Clone(q), q...)} {
		out, errs, code := process(t, dir, stdin, "ttl-append")
		if code != exitUsage || out != "" || strings.Contains(errs, "canary") {
			t.Errorf("%d bytes: exit %d, %q, %q", len(stdin), code, out, errs)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// inProcess is the program on a directory node.
func inProcess(t *testing.T, dir string) (a *app, n *journaltest.Node, out, errs *bytes.Buffer) {
	t.Helper()
	n = journaltest.New(t, node.ControlPlane).Directories[0]
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	return &app{In: strings.NewReader(""), Out: out, Err: errs, Hostname: func() (string, error) { return n.Name(), nil }, Unit: func(string) unit.Unit {
		return unit.Unit{Dir: dir, Node: n, Clock: clockwork.NewRealClock()}
	}}, n, out, errs
}

func TestTheCommandLine(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"", exitOK, "Usage:"},
		{"--help", exitOK, "Exit codes"},
		{"ttl-append --help", exitOK, "JSON on standard input"},
		{"revert --help", exitOK, "the timer runs this"},
		{"status --help", exitOK, "as JSON"},
		{"cure", exitUsage, `unknown command "cure"`},
		{"revert now", exitUsage, "now"},
		{"status --often", exitUsage, "unknown flag"},
		{"ttl-append", exitUsage, "read the inverse"},
		{"revert", exitIncomplete, "no time limit was set up here"},
		{"status", exitFailed, "no time limit was set up here"},
	} {
		a, _, out, errs := inProcess(t, gone)
		if code := a.run(t.Context(), strings.Fields(c.args)); code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%q: exit %d, want %d; %s%s", c.args, code, c.code, out, errs)
		}
	}
	if _, err := os.Stat(gone); !os.IsNotExist(err) {
		t.Error("something was made where there is no limit")
	}
}

func TestStatusPrintsJSON(t *testing.T) {
	a, n, out, errs := inProcess(t, t.TempDir())
	n.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) {
		return []byte("ActiveState=active\nSubState=waiting\nUnitFileState=enabled\nNextElapseUSecMonotonic=1000y\n"), nil
	}
	if code := a.run(t.Context(), []string{"status"}); code != exitFailed || !strings.Contains(errs.String(), "too long") {
		t.Fatalf("exit %d, %s", code, errs)
	}
	n.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) {
		return []byte("ActiveState=active\nSubState=waiting\nUnitFileState=enabled\nNextElapseUSecMonotonic=100y\n"), nil
	}
	if code := a.run(t.Context(), []string{"status"}); code != exitOK {
		t.Fatalf("exit %d, %s", code, errs)
	}
	s, err := unit.ParseStatus(out.Bytes())
	if err != nil || !s.Armed || s.FiresIn <= 0 || s.Pending != 0 || s.Fired != nil {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAnUnknownHostNameIsAFailure(t *testing.T) {
	a, _, _, errs := inProcess(t, t.TempDir())
	a.Hostname = func() (string, error) { return "", errors.New("no name") }
	if code := a.run(t.Context(), []string{"revert"}); code != exitFailed || !strings.Contains(errs.String(), "no name") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestTheExitCodesAreNov30s(t *testing.T) {
	if exitOK != slo.ExitPass || exitFailed != slo.ExitInfrastructure || exitIncomplete != slo.ExitRevertIncomplete || exitUsage != slo.ExitUsage {
		t.Error("they differ")
	}
}
