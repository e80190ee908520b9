package nodeprogram

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// machine is a node whose paths lie below a directory; its programs are this machine's.
type machine struct {
	name, root string
	off        bool
	calls      [][]string
}

func (m *machine) Name() string          { return m.name }
func (m *machine) Role() node.Role       { return node.Worker }
func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

func (m *machine) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	m.calls = append(m.calls, argv)
	if m.off {
		return nil, &node.ExecError{Node: m.name, Argv: argv, Err: errors.New("it is off")}
	}
	mapped := slices.Clone(argv)
	for i, a := range mapped {
		if strings.HasPrefix(a, "/var/lib/nov30/") {
			mapped[i] = m.at(a)
		}
	}
	cmd := exec.CommandContext(ctx, mapped[0], mapped[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, &node.ExecError{Node: m.name, Argv: argv, Stdout: out.Bytes(), Stderr: errs.Bytes(), Err: err}
	}
	return out.Bytes(), nil
}

// machines is a cluster of them.
type machines struct {
	node.Cluster
	all []*machine
}

func (c *machines) Nodes() (all []node.Node) {
	for _, m := range c.all {
		all = append(all, m)
	}
	return all
}

func newCluster(t *testing.T, names ...string) *machines {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skipf("the script needs what a node has: %v", err)
	}
	c := &machines{}
	for _, name := range names {
		m := &machine{name: name, root: t.TempDir()}
		if err := os.MkdirAll(m.at("/var/lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		c.all = append(c.all, m)
	}
	return c
}

var errBroken = errors.New("it is broken")

func programOf(content string) Program {
	sum := sha256.Sum256([]byte(content))
	return Program{Content: []byte(content), SHA256: hex.EncodeToString(sum[:])}
}

// nothingIsLeft fails the test where a node has something of nov30's.
func nothingIsLeft(t *testing.T, c *machines) {
	t.Helper()
	for _, n := range c.all {
		if left, err := os.Stat(n.at("/var/lib/nov30")); !os.IsNotExist(err) {
			t.Errorf("%s: %v is left, %v", n.Name(), left, err)
		}
	}
}

func TestTheProgramIsInEveryNodeWhileItIsNeededAndNoLonger(t *testing.T) {
	c := newCluster(t, "n1", "n2")
	for _, wanted := range []error{nil, errBroken} {
		done := false
		err := programOf("\x7fELF\x00binary").With(t.Context(), c, func() error {
			done = true
			for _, n := range c.all {
				content, err := os.ReadFile(n.at(Path))
				info, statErr := os.Stat(n.at(Path))
				if err != nil || statErr != nil || string(content) != "\x7fELF\x00binary" || info.Mode() != 0o700 {
					t.Errorf("%s: %q, %v, %v %v", n.Name(), content, info, err, statErr)
				}
			}
			return wanted
		})
		if !errors.Is(err, wanted) || (err != nil) != (wanted != nil) || !done {
			t.Errorf("%v, want %v; done %v", err, wanted, done)
		}
		nothingIsLeft(t, c)
	}
}

func TestWhatElseLiesBesideTheProgramStays(t *testing.T) {
	c := newCluster(t, "n1")
	n := c.all[0]
	if err := os.MkdirAll(n.at("/var/lib/nov30/ttl/journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := programOf("a").With(t.Context(), c, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(n.at("/var/lib/nov30/ttl/journal")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(n.at(dir)); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", dir, err)
	}
}

func TestAProgramThatArrivesDamagedIsNotUsed(t *testing.T) {
	c := newCluster(t, "n1", "n2")
	p := programOf("a")
	p.Content = []byte("b")
	err := p.With(t.Context(), c, func() error { t.Error("it was used"); return nil })
	if err == nil || !strings.Contains(err.Error(), "not the one that was sent") || strings.Contains(err.Error(), "umask") {
		t.Errorf("%v", err)
	}
	nothingIsLeft(t, c)
}

func TestANodeThatCannotBeReachedIsAnErrorAndTheOthersHaveNothingLeft(t *testing.T) {
	c := newCluster(t, "n1", "n2")
	c.all[1].off = true
	if err := programOf("a").With(t.Context(), c, func() error { t.Error("it was used"); return nil }); err == nil {
		t.Error("no error")
	}
	c.all[1].off = false
	nothingIsLeft(t, c)
	// One that goes while the program is in it.
	err := programOf("a").With(t.Context(), c, func() error { c.all[1].off = true; return nil })
	if err == nil || !strings.Contains(err.Error(), c.all[1].Name()) {
		t.Errorf("what is left in a node is no error: %v", err)
	}
}

func TestTheProgramIsRemovedAlsoWhenItsUseIsBrokenOff(t *testing.T) {
	c := newCluster(t, "n1")
	ctx, cancel := context.WithCancel(t.Context())
	err := programOf("a").With(ctx, c, func() error { cancel(); return context.Cause(ctx) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	nothingIsLeft(t, c)
}

func TestTheProgramsContentIsNoPartOfACommand(t *testing.T) {
	c := newCluster(t, "n1")
	if err := programOf("canary").With(t.Context(), c, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, argv := range c.all[0].calls {
		if bytes.Contains([]byte(strings.Join(argv, " ")), []byte("canary")) {
			t.Errorf("%q", argv)
		}
	}
}
