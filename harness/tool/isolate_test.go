package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/slo"
)

// home is a stage whose harness has a state directory with a journal and the engine's socket, and a results directory.
type home struct {
	*stage
	state, results, socket string
}

const secretName = "etcd-certs-expired.jsonl"

func newHome(t *testing.T) *home {
	h := &home{stage: newStage(t)}
	root, err := os.MkdirTemp("", "") // a socket's path must be short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	root, err = filepath.EvalSymlinks(root)
	must(t, err)
	h.state, h.results = filepath.Join(root, "state"), filepath.Join(root, "out")
	must(t, os.MkdirAll(filepath.Join(h.state, "journal"), 0o700))
	must(t, os.MkdirAll(h.results, 0o700))
	must(t, os.WriteFile(filepath.Join(h.state, "journal", secretName), []byte("inverse"), 0o600))
	must(t, os.WriteFile(filepath.Join(h.results, "verdicts.json"), nil, 0o600))
	h.socket = filepath.Join(h.state, "engine.sock")
	must(t, WriteContext(h.run.Context, Context{Cluster: "c", Engine: Engine{Command: "docker", Host: "unix://" + h.socket}}))
	h.run.Hide = []string{h.state, h.results}
	h.listen()
	h.run.Env = append(h.run.Env, "DOCKER_HOST=unix://"+h.socket, "STATE="+h.state, "OUT="+h.results)
	return h
}

// listen answers on the engine's socket, as the engine would.
func (h *home) listen() {
	l, err := net.Listen("unix", h.socket)
	must(h.t, err)
	h.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, "engine here")
			c.Close()
		}
	}()
}

// run starts a detector that writes what script prints to $S/said, and returns that.
func (h *home) said(script string) string {
	h.t.Helper()
	h.start("{ "+script+"\n} >$S/said.part 2>&1; echo end >>$S/said.part; mv $S/said.part $S/said; exec sleep 60", "true")
	h.wrote("said")
	text, err := os.ReadFile(filepath.Join(h.dir, "said"))
	must(h.t, err)
	return strings.TrimSuffix(string(text), "end\n")
}

func mounts(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	return string(text)
}

func TestAToolFindsHiddenDirectoriesEmptyAndCannotWriteThere(t *testing.T) {
	h := newHome(t)
	before := mounts(t)
	got := h.said(`ls -A "$STATE"; ls -A "$OUT"; echo listed; cat "$STATE"/journal/*; find "$STATE" "$OUT" -type f
echo mine >"$STATE/mine"; echo mine >"$OUT/mine"; rm -rf "$STATE/journal"; echo status $?`)
	if strings.Contains(got, "inverse") || strings.Contains(got, secretName) || strings.Contains(got, "verdicts") || strings.Contains(got, "/journal\n") {
		t.Errorf("the tool sees:\n%s", got)
	}
	if !strings.HasPrefix(got, "listed\n") || !strings.Contains(got, "Read-only file system") {
		t.Errorf("the tool says:\n%s", got)
	}
	if during := mounts(t); during != before {
		t.Errorf("the host's mounts changed:\n%s\n%s", before, during)
	}
	for path, want := range map[string]int{filepath.Join(h.state, "journal"): 1, h.state: 2, h.results: 1} {
		if entries, err := os.ReadDir(path); err != nil || len(entries) != want {
			t.Errorf("%s holds %v, %v", path, entries, err)
		}
	}
}

func TestTheRecoverCommandIsIsolatedToo(t *testing.T) {
	h := newHome(t)
	x := h.start("exec sleep 60", `ls -A "$STATE"; echo status $?`)
	must(t, x.Recover(t.Context()))
	if got := h.logs.recover.String(); got != "status 0\n" {
		t.Errorf("it says %q", got)
	}
	before := mounts(t)
	x.Stop()
	if after := mounts(t); after != before {
		t.Errorf("the host's mounts changed:\n%s\n%s", before, after)
	}
}

func TestAToolReachesTheEngineThroughAHiddenSocket(t *testing.T) {
	h := newHome(t)
	h.run.Env = append(h.run.Env, dialEnv+"="+h.dir)
	tool := shell("", "")
	tool.Detect.Exec = []string{os.Args[0]}
	x, err := Start(tool, h.run)
	must(t, err)
	t.Cleanup(x.Stop)
	h.wrote("dialled")
	bound := filepath.Join(x.Private(), "engine.sock")
	for name, want := range map[string]string{"host": "unix://" + bound, "context-host": "unix://" + bound, "dialled": "engine here\n"} {
		if text, err := os.ReadFile(filepath.Join(h.dir, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, want)
		}
	}
	if info, err := os.Stat(bound); err != nil || !info.Mode().IsRegular() {
		t.Errorf("outside of the tool the socket shows: %v, %v", info, err)
	}
	x.Stop()
	if _, err := os.Stat(x.Private()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the private directory is left: %v", err)
	}
}

// dialEnv makes this test program a tool that asks the engine and writes to that directory.
const dialEnv = "TOOL_TEST_DIAL"

func dialAndWait(dir string) {
	host := os.Getenv("DOCKER_HOST")
	said := []byte("nobody there")
	if c, err := net.Dial("unix", strings.TrimPrefix(host, "unix://")); err == nil {
		said, _ = io.ReadAll(c)
	}
	var told Context
	text, _ := os.ReadFile(os.Getenv(ContextVariable))
	_ = json.Unmarshal(text, &told)
	for _, f := range []struct{ name, text string }{{"host", host}, {"context-host", told.Engine.Host}, {"dialled", string(said)}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			panic(err)
		}
	}
	select {}
}

func TestASocketThatIsNotHiddenStaysWhereItIs(t *testing.T) {
	h := newHome(t)
	h.run.Hide = []string{h.results}
	if got := h.said(`echo "$DOCKER_HOST"; ls "$STATE"; ls -A "$OUT"`); got != "unix://"+h.socket+"\nengine.sock\njournal\n" {
		t.Errorf("the tool says %q", got)
	}
}

func TestWhatTheToolNeedsMayNotBeHidden(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(*home, *Tool)
	}{
		{"its own directory", func(h *home, tool *Tool) { tool.Dir = filepath.Join(h.results, "tools") }},
		{"its own directory", func(h *home, tool *Tool) { // by a symbolic link
			tool.Dir = filepath.Join(h.dir, "link")
			must(h.t, os.Symlink(filepath.Join(h.state, "journal"), tool.Dir))
		}},
		{"its program", func(h *home, tool *Tool) { tool.Recover.Exec[0] = filepath.Join(h.results, "verdicts.json") }},
		{"the file", func(h *home, tool *Tool) { tool.Detect.Exec[1] = h.state }},
		{"the working directory", func(h *home, _ *Tool) { h.run.Dir = h.state }},
		{"the engine's command", func(h *home, _ *Tool) { h.engine(filepath.Join(h.state, "docker")) }},
		{"the directory of its context file", func(h *home, _ *Tool) { h.run.Hide = append(h.run.Hide, os.TempDir()) }},
	} {
		t.Setenv("TMPDIR", t.TempDir())
		h := newHome(t)
		tool := shell("exec sleep 60", "true")
		c.spoil(h, &tool)
		_, err := Start(tool, h.run)
		wantError(t, err, "start shell v1", "the tool needs "+c.want, "hidden from tools; move it elsewhere")
		if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "nov30-tool-*")); len(left) != 0 || len(h.all()) != 0 {
			t.Errorf("%s: left %v, events %+v", c.want, left, h.all())
		}
	}
}

func (h *home) engine(command string) {
	must(h.t, WriteContext(h.run.Context, Context{Cluster: "c", Engine: Engine{Command: command}}))
}

func TestWhatCannotBeHiddenIsAnErrorThatNamesIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{"relative": "give an absolute path", "/nowhere/at/all": "no such file", file: "it is no directory"} {
		h := newHome(t)
		h.run.Hide = []string{path}
		_, err := Start(shell("exec sleep 60", "true"), h.run)
		wantError(t, err, "hide "+path+" from the tool", want)
	}
}

func TestAHiddenSocketThatIsNotThereOrTooDeepIsAnErrorThatNamesIt(t *testing.T) {
	h := newHome(t)
	must(t, os.Remove(h.socket))
	_, err := Start(shell("exec sleep 60", "true"), h.run)
	wantError(t, err, "the engine's socket", h.socket, "no such file")
	deep := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	must(t, os.Mkdir(deep, 0o700))
	h = newHome(t)
	t.Setenv("TMPDIR", deep)
	_, err = Start(shell("exec sleep 60", "true"), h.run)
	wantError(t, err, "engine.sock", "too long for a socket", "TMPDIR")
}

func TestADirectoryWithinAHiddenOneIsHiddenWithIt(t *testing.T) {
	h := newHome(t)
	h.run.Hide = append(h.run.Hide, filepath.Join(h.state, "journal"), h.state+"/", h.state+"x")
	must(t, os.Mkdir(h.state+"x", 0o700))
	if got := h.said(`ls -A "$STATE" "${STATE}x" && grep -c nov30-hidden /proc/self/mounts`); got != h.state+":\n\n"+h.state+"x:\n3\n" {
		t.Errorf("the tool says %q", got)
	}
}

func TestAMachineThatForbidsMountsIsAnErrorThatSaysWhatToDo(t *testing.T) {
	h := newHome(t)
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "mount"), []byte("#!/bin/sh\necho mount: permission denied. >&2; exit 32\n"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, err := Start(shell("echo started >$S/started; exec sleep 60", "true"), h.run)
	wantError(t, err, "mount: permission denied", "a mount namespace of its own", "NOV30_TOOL_EXPOSED=1")
	if got := h.names(); got != "detect-start:false" {
		t.Errorf("events %s", got)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "started")); err == nil {
		t.Error("the tool was run")
	}

	h.run.Exposed = true
	if got := h.said(`ls "$STATE"; echo "$DOCKER_HOST"`); got != "engine.sock\njournal\nunix://"+h.socket+"\n" {
		t.Errorf("an exposed tool says %q", got)
	}
	h.until(slo.Event{Kind: slo.Note, Detail: "the tool runs exposed: it can see " + h.state + " and " + h.results})
}

func TestAnExecutableThatIsMissingIsFoundBeforeTheMounts(t *testing.T) {
	h := newHome(t)
	tool := shell("exec sleep 60", "true")
	tool.Detect.Exec = []string{"/nowhere/tool"}
	_, err := Start(tool, h.run)
	wantError(t, err, "start the detector of shell v1", "/nowhere/tool")
	if got := h.names(); got != "detect-start:false" || strings.Contains(err.Error(), "NOV30_TOOL_EXPOSED") {
		t.Errorf("events %s, error %v", got, err)
	}
	h = newHome(t)
	h.run.Dir = "/nowhere/dir"
	_, err = Start(shell("exec sleep 60", "true"), h.run)
	if wantError(t, err, "/nowhere/dir"); strings.Contains(err.Error(), "NOV30_TOOL_EXPOSED") {
		t.Errorf("error %v", err)
	}
}

func TestASettingThatForbidsNamespacesIsNamed(t *testing.T) {
	const clone, apparmor, max = "unprivileged_userns_clone=1", "apparmor_restrict_unprivileged_userns=0", "max_mnt_namespaces=10000"
	for _, c := range []struct {
		name   string
		asRoot bool
		files  map[string]string
		want   []string
	}{
		{"nothing", false, nil, []string{"seccomp, AppArmor or SELinux", "run nov30 as root"}},
		{"nothing, root", true, nil, []string{"CAP_SYS_ADMIN"}},
		{"all allow", false, map[string]string{"kernel/unprivileged_userns_clone": "1\n", "kernel/apparmor_restrict_unprivileged_userns": "0\n"}, []string{"seccomp"}},
		{"Debian", false, map[string]string{"kernel/unprivileged_userns_clone": "0\n"}, []string{clone}},
		{"Ubuntu", false, map[string]string{"kernel/unprivileged_userns_clone": "1\n", "kernel/apparmor_restrict_unprivileged_userns": "1\n"}, []string{apparmor}},
		{"root needs no user namespace", true, map[string]string{"kernel/unprivileged_userns_clone": "0\n", "user/max_user_namespaces": "0"}, []string{"CAP_SYS_ADMIN"}},
		{"root needs a mount namespace", true, map[string]string{"user/max_mnt_namespaces": "0"}, []string{max}},
		{"two", false, map[string]string{"kernel/unprivileged_userns_clone": "0", "user/max_mnt_namespaces": "0"}, []string{clone, max}},
	} {
		got := namespacesMissing(c.asRoot, func(path string) ([]byte, error) {
			if text, ok := c.files[strings.TrimPrefix(path, "/proc/sys/")]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		for _, w := range append(c.want, "a mount namespace of its own") {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q lacks %q", c.name, got, w)
			}
		}
		for _, w := range []string{clone, apparmor, max, "seccomp"} {
			if strings.Contains(got, w) && !strings.Contains(fmt.Sprint(c.want), w) && !(c.asRoot && w == "seccomp") {
				t.Errorf("%s: %q has %q", c.name, got, w)
			}
		}
	}
}
