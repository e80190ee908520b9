package nodeop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

func node(t *testing.T) *journaltest.Node {
	return journaltest.New(t, cluster.ControlPlane).Directories[0]
}

// owned is a file as this test's own user may write it.
func owned(path, content string, mode os.FileMode) nodeop.File {
	return nodeop.File{Path: path, Content: []byte(content), Mode: mode, UID: os.Getuid(), GID: os.Getgid()}
}

func TestWriteReadAndVerifyAgree(t *testing.T) {
	for _, f := range []nodeop.File{
		owned("/etc/kubernetes/pki/etcd/server.crt", "new\n", 0o644),
		owned("/with space/it's \"quoted\" $(x) `y`;z", "\x00\xff\n\n", 0o600),
		owned("/-rf", "", 0o400),
		owned("/new\nline", "no newline at the end", 0o755),
		{Path: "/etc/gone", Absent: true},
	} {
		t.Run(f.Path, func(t *testing.T) {
			n := node(t)
			n.Put("/etc/gone", []byte("here"), 0o644)
			for range 2 {
				if err := nodeop.Write(t.Context(), n, f); err != nil {
					t.Fatal(err)
				}
				if err := nodeop.Verify(t.Context(), n, f); err != nil {
					t.Fatal(err)
				}
			}
			got, err := nodeop.Read(t.Context(), n, f.Path)
			if err != nil || got.String() != f.String() || !bytes.Equal(got.Content, f.Content) {
				t.Errorf("read %v, %v; want %v", got, err, f)
			}
			assertNothingBeside(t, n, f.Path)
		})
	}
}

func assertNothingBeside(t *testing.T, n *journaltest.Node, path string) {
	t.Helper()
	entries, err := os.ReadDir(n.Host(path + "/.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".nov30") {
			t.Errorf("%s was left beside the file", e.Name())
		}
	}
}

func TestContentNeverStandsInArguments(t *testing.T) {
	n := node(t)
	if err := nodeop.Write(t.Context(), n, owned("/key", "canary-secret", 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, argv := range n.Calls {
		if strings.Contains(strings.Join(argv, " "), "canary") {
			t.Errorf("the content is visible in ps: %q", argv)
		}
	}
}

func TestVerifySeesEveryDifference(t *testing.T) {
	want := owned("/f", "right", 0o640)
	for name, spoil := range map[string]func(*nodeop.File){
		"content": func(f *nodeop.File) { f.Content = []byte("wrong") },
		"mode":    func(f *nodeop.File) { f.Mode = 0o644 },
		"owner":   func(f *nodeop.File) { f.UID++ },
		"group":   func(f *nodeop.File) { f.GID++ },
		"absence": func(f *nodeop.File) { *f = nodeop.File{Path: f.Path, Absent: true} },
	} {
		t.Run(name, func(t *testing.T) {
			n := node(t)
			if err := nodeop.Write(t.Context(), n, want); err != nil {
				t.Fatal(err)
			}
			other := want
			spoil(&other)
			if err := nodeop.Verify(t.Context(), n, other); !errors.Is(err, nodeop.ErrDiffers) {
				t.Errorf("got %v, want %v", err, nodeop.ErrDiffers)
			}
		})
	}
}

func TestContentCutOnItsWayIsNeitherWrittenNorTaken(t *testing.T) {
	n := node(t)
	if err := nodeop.Write(t.Context(), n, owned("/f", "old and whole", 0o644)); err != nil {
		t.Fatal(err)
	}
	n.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		out, err := run()
		if argv[0] == "cat" {
			return out[:3], err
		}
		return out, err
	}
	if f, err := nodeop.Read(t.Context(), n, "/f"); err == nil {
		t.Errorf("half a file was taken for whole: %v", f)
	}
	n.Intercept = nil
	short := &cutting{Node: n}
	if err := nodeop.Write(t.Context(), short, owned("/f", "new and whole", 0o644)); err == nil {
		t.Error("a cut write went unnoticed")
	}
	if got := n.Content("/f"); got != "old and whole" {
		t.Errorf("the file holds %q", got)
	}
	assertNothingBeside(t, n, "/f")
}

func TestAFailedReadKeepsWhatItReadToItself(t *testing.T) {
	n := node(t)
	n.Put("/ca.key", []byte("canary-secret"), 0o600)
	n.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		out, err := run()
		if argv[0] == "cat" {
			err = &cluster.ExecError{Node: n.Name(), Argv: argv, Stdout: out, Err: context.DeadlineExceeded}
		}
		return out, err
	}
	_, err := nodeop.Read(t.Context(), n, "/ca.key")
	var failed *cluster.ExecError
	if !errors.As(err, &failed) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the failed command", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %s", err, err, failed.Stdout), "canary") {
		t.Errorf("the content is in the error: %v", err)
	}
}

func TestWhatIsNoPlainFileIsRefused(t *testing.T) {
	n := node(t)
	n.Put("/dir/real", []byte("x"), 0o644)
	n.Put("/setuid", []byte("x"), 0o755|os.ModeSetuid)
	for from, to := range map[string]string{"/link": "dir/real", "/dangling": "nowhere"} {
		if err := os.Symlink(to, n.Host(from)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/dir", "/link", "/dangling", "/setuid", "relative", "/", "/a/../b", "/dir/", "/nul\x00"} {
		if f, err := nodeop.Read(t.Context(), n, path); err == nil {
			t.Errorf("%q was read as %v", path, f)
		}
	}
	for _, f := range []nodeop.File{owned("relative", "", 0o644), owned("/x", "", 0o644|os.ModeSetuid), {Path: "/x", UID: -1}} {
		if err := nodeop.Write(t.Context(), n, f); err == nil {
			t.Errorf("%v was written", f)
		}
	}
}

func TestAFileIsPrintedWithoutItsContent(t *testing.T) {
	f := owned("/key", "canary-secret", 0o600)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, v := range []any{f, &f, []nodeop.File{f}, struct{ F nodeop.File }{f}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "canary") || strings.Contains(got, "99, 97, 110") {
				t.Errorf("%s of %T prints the content: %s", verb, v, got)
			}
		}
	}
}

func TestAFailedScriptIsNamedByWhatItDoes(t *testing.T) {
	_, err := nodeop.Script(t.Context(), node(t), nil, "count sheep", "echo astray >&2; exit 3", "/flock")
	var failed *cluster.ExecError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "(count sheep) /flock") || !strings.Contains(err.Error(), "astray") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "exit 3") {
		t.Errorf("the script is in the error: %v", err)
	}
}

func TestAwaitBootWantsASystemdThatIsUp(t *testing.T) {
	clock := clockwork.NewFakeClock()
	for _, c := range []struct {
		answers []string
		ok      bool
	}{
		{[]string{"running"}, true},
		{[]string{"", "starting", "degraded"}, true},
		{[]string{"stopping"}, false},
		{[]string{"running!"}, false}, // says running and fails
	} {
		n := node(t)
		asked := slices.Clone(c.answers)
		n.Commands["systemctl"] = func(context.Context, []byte, []string) ([]byte, error) {
			answer := asked[0]
			if len(asked) > 1 {
				asked = asked[1:]
				clock.Advance(nodeop.BootLimit / 100)
			} else if !c.ok {
				clock.Advance(nodeop.BootLimit)
			}
			if answer == "running" {
				return []byte("running\n"), nil
			}
			return []byte(strings.TrimSuffix(answer, "!") + "\n"), errors.New("exit status 1")
		}
		if err := nodeop.AwaitBoot(t.Context(), clock, n); (err == nil) != c.ok {
			t.Errorf("%q: %v, want booted %v", c.answers, err, c.ok)
		}
	}
}

func TestBootIDChangesOnlyWithTheBoot(t *testing.T) {
	c := journaltest.New(t, cluster.Worker)
	n := c.Directories[0]
	id := func() string {
		t.Helper()
		id, err := nodeop.BootID(t.Context(), n)
		if err != nil || id == "" {
			t.Fatalf("%q, %v", id, err)
		}
		return id
	}
	first := id()
	if err := errors.Join(c.StartNode(t.Context(), n.Name())); err != nil || id() != first {
		t.Errorf("%v: the id changed without a restart", err)
	}
	if err := errors.Join(c.StopNode(t.Context(), n.Name()), c.StartNode(t.Context(), n.Name())); err != nil || id() == first {
		t.Errorf("%v: the id did not change with the restart", err)
	}
	n.Put("/proc/1/stat", []byte("1 (systemd) S"), 0o444)
	if id, err := nodeop.BootID(t.Context(), n); err == nil {
		t.Errorf("%q was taken from a cut line", id)
	}
}
