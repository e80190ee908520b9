package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/nodestate"
)

// keptState is a whole state of that node, of that version, in which there is one directory.
func keptState(t *testing.T, version, node string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for _, e := range [][2]string{{"state.json", `{"version":` + version + `,"node":"` + node + `","files":[{"path":"/canary-a","kind":"directory"}]}`}, {"end", ""}} {
		err := w.WriteHeader(&tar.Header{Name: e[0], Size: int64(len(e[1])), Format: tar.FormatPAX})
		_, writeErr := io.WriteString(w, e[1])
		if err := errors.Join(err, writeErr); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// onState is the program on a fake clock.
func onState() (a *app, out, errs *bytes.Buffer) {
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	return &app{Out: out, Err: errs, Hostname: func() (string, error) { return "host", nil }, Clock: clockwork.NewFakeClock()}, out, errs
}

// withoutPrograms makes sure that nothing on this machine is asked, whatever the program does wrong.
func withoutPrograms(t *testing.T) { t.Setenv("PATH", t.TempDir()) }

func TestAStateThatIsNotThisNodesIsRefusedBeforeAnythingIsDone(t *testing.T) {
	withoutPrograms(t)
	whole := keptState(t, "1", "n1")
	for name, c := range map[string]struct {
		state []byte
		args  []string
		says  string
	}{
		"another node's":     {whole, []string{"rewind", "--node", "n2"}, `it is of "n1", this is "n2"`},
		"by the host's name": {keptState(t, "1", "n2"), []string{"rewind"}, `it is of "n2", this is`},
		"cut":                {whole[:len(whole)-1], []string{"rewind", "--node", "n1"}, nodestate.ErrState.Error()},
		"nothing":            {nil, []string{"rewind", "--node", "n1"}, nodestate.ErrState.Error()},
		"of another version": {keptState(t, "0", "n1"), []string{"rewind", "--node", "n1"}, "version 0"},
		"no state":           {[]byte("canary"), []string{"rewind", "--node", "n1"}, nodestate.ErrState.Error()},
	} {
		a, out, errs := onState()
		a.In = bytes.NewReader(c.state)
		code := a.run(t.Context(), c.args)
		if code != exitFailed || !strings.Contains(errs.String(), c.says) || strings.Contains(out.String()+errs.String(), "canary") {
			t.Errorf("%s: exit %d, %q, %q", name, code, out, errs)
		}
		if strings.TrimSpace(out.String()) != `{"pods":0,"steps":null}` {
			t.Errorf("%s: something was done: %s", name, out)
		}
	}
}

func TestAStepThatFailsIsAFailureAndTheReportSaysHowFarItCame(t *testing.T) {
	withoutPrograms(t) // not even systemctl
	a, out, errs := onState()
	a.In = bytes.NewReader(keptState(t, "1", "n1"))
	if code := a.run(t.Context(), []string{"rewind", "--node", "n1"}); code != exitFailed || !strings.Contains(errs.String(), "stop kubelet: ") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if strings.TrimSpace(out.String()) != `{"pods":0,"steps":[{"name":"stop kubelet","seconds":0}]}` {
		t.Errorf("reported %s", out)
	}
}

func TestANodeThatCannotBeKeptIsAFailureAndPrintsNothing(t *testing.T) {
	withoutPrograms(t)
	a, out, errs := onState()
	if code := a.run(t.Context(), []string{"keep", "--node", "n1"}); code != exitFailed || out.Len() > 0 || !strings.Contains(errs.String(), "ip -o link show") {
		t.Errorf("exit %d, %d bytes, %q", code, out.Len(), errs)
	}
}

func TestCommandsOfTheStateTakeTheNodesName(t *testing.T) {
	for args, want := range map[string]string{"": "host", "--node n1": "n1"} {
		a := app{Out: io.Discard, Err: io.Discard, Hostname: func() (string, error) { return "host", nil }, Clock: clockwork.NewFakeClock()}
		var got nodestate.Node
		root := a.root()
		command := root.Commands()[0]
		for _, c := range root.Commands() {
			if c.Name() == "facts" {
				command = c
			}
		}
		command.RunE = a.onState(func(_ context.Context, n nodestate.Node) error { got = n; return nil })
		root.SetArgs(append([]string{"facts"}, strings.Fields(args)...))
		if err := root.ExecuteContext(t.Context()); err != nil || got.Name != want || got.Root != "/" || got.Clock != a.Clock {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
	a := app{Out: io.Discard, Err: io.Discard, Hostname: func() (string, error) { return "", os.ErrPermission }}
	if code := a.run(t.Context(), []string{"facts"}); code != exitFailed {
		t.Errorf("without a name: exit %d", code)
	}
	for _, args := range []string{"keep now", "rewind --often", "facts x"} {
		if code := a.run(t.Context(), strings.Fields(args)); code != exitUsage {
			t.Errorf("%s: exit %d", args, code)
		}
	}
}
