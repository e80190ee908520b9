package ttl

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/node"
	limit "github.com/nov30/nov30/harness/ttl/unit"
)

// systemd is a double of what runs a node's units, on the node's own files: it knows what it was told to load, and starts
// at boot what is enabled. nov30-node runs in this process.
type systemd struct {
	n       *journaltest.Node
	clock   clockwork.Clock
	state   map[string]string // ActiveState/SubState of a unit that is not inactive
	elapses string            // NextElapseUSecMonotonic
	refuses map[string]error  // by verb
}

func boot(n *journaltest.Node, clock clockwork.Clock) *systemd {
	s := &systemd{n: n, clock: clock, state: map[string]string{}, refuses: map[string]error{}}
	n.Commands["systemctl"] = s.systemctl
	n.Commands[limit.Program] = s.program
	return s
}

func (s *systemd) systemctl(_ context.Context, _ []byte, argv []string) ([]byte, error) {
	if err := s.refuses[argv[1]]; err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(slices.Clone(argv[2:]), func(a string) bool { return strings.HasPrefix(a, "--") })
	switch argv[1] {
	case "enable":
		s.n.Put(limit.WantsDir+"/"+names[0], nil, 0o644)
		return nil, s.start()
	case "stop":
		for _, name := range names {
			if s.load(name) == "not-found" && s.state[name] == "" {
				return nil, fmt.Errorf("unit %s not loaded", name)
			}
			delete(s.state, name)
		}
		return nil, nil
	case "show":
		var blocks []string
		for _, name := range names {
			active, sub, _ := strings.Cut(s.state[name], "/")
			if active == "" {
				active, sub = "inactive", "dead"
			}
			blocks = append(blocks, fmt.Sprintf("Id=%s\nLoadState=%s\nActiveState=%s\nSubState=%s\nUnitFileState=%s\nNextElapseUSecMonotonic=%s\n",
				name, s.load(name), active, sub, s.enabled(name), s.elapses))
		}
		return []byte(strings.Join(blocks, "\n")), nil
	case "daemon-reload":
		return nil, nil
	}
	return nil, fmt.Errorf("unknown verb %q", argv)
}

func (s *systemd) exists(path string) bool { _, err := os.Stat(s.n.Host(path)); return err == nil }

func (s *systemd) load(name string) string {
	if s.exists(limit.UnitDir + "/" + name) {
		return "loaded"
	}
	return "not-found"
}

func (s *systemd) enabled(name string) string {
	if s.exists(limit.WantsDir + "/" + name) {
		return "enabled"
	}
	return "disabled"
}

// start starts the timer as its file says.
func (s *systemd) start() error {
	_, text, ok := strings.Cut(s.n.Content(limit.UnitDir+"/"+limit.TimerName), "OnActiveSec=")
	if !ok || s.load(limit.ServiceName) != "loaded" {
		return errors.New("bad unit file")
	}
	text, _, _ = strings.Cut(text, "\n")
	after, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	s.elapses = fmt.Sprintf("%fs", (time.Duration(now.Nano()) + after).Seconds())
	s.state[limit.TimerName] = "active/waiting"
	return nil
}

// reboot is a restart of the node: what ran is gone, what is enabled starts anew.
func (s *systemd) reboot() error {
	clear(s.state)
	if s.enabled(limit.TimerName) == "enabled" {
		return s.start()
	}
	return nil
}

// fire is the end of the limit.
func (s *systemd) fire(ctx context.Context) error {
	s.state[limit.TimerName], s.elapses = "active/elapsed", "infinity"
	return s.unit().Revert(ctx, nil)
}

func (s *systemd) unit() limit.Unit {
	return limit.Unit{Dir: s.n.Host(limit.Dir), Node: s.n, Clock: s.clock}
}

func (s *systemd) program(ctx context.Context, stdin []byte, argv []string) ([]byte, error) {
	if !s.exists(limit.Program) || argv[2] != "--node="+s.n.Name() {
		return nil, fmt.Errorf("%q: no such program, or not this node", argv)
	}
	var answer any
	var err error
	switch argv[1] {
	case "status":
		answer, err = s.unit().Status(ctx)
	case "ttl-append":
		var q limit.Request
		if q, answer, err = limit.ReadRequest(bytes.NewReader(stdin)); err == nil {
			err = s.unit().Append(ctx, q)
		}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

// bench is a cluster of two nodes with a program for them and a host's journal.
type bench struct {
	*journaltest.Cluster
	master, worker *journaltest.Node
	systemd        map[string]*systemd
	program        string
	clock          clockwork.Clock
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := journaltest.New(t, node.ControlPlane, node.Worker)
	b := &bench{Cluster: c, master: c.Directories[0], worker: c.Directories[1], systemd: map[string]*systemd{}, clock: clockwork.NewRealClock()}
	for _, n := range c.Directories {
		n.Put(limit.WantsDir+"/other.timer", nil, 0o644) // as any Debian has
		n.Put("/var/lib/other/file", nil, 0o644)
		b.systemd[n.Name()] = boot(n, b.clock)
	}
	b.program = writeProgram(t, header(native()))
	return b
}

func (b *bench) meta() journal.Meta {
	return journal.Meta{Run: "r1", Scenario: "s", Arm: "treated", Cluster: journaltest.Name, CASHA256: strings.Repeat("0", 64),
		APIServer: "https://127.0.0.1:6443", Created: time.Unix(1575109748, 0)}
}

func (b *bench) arm(t *testing.T) *Limit {
	t.Helper()
	l, err := Arm(t.Context(), b, b.program, b.meta(), time.Minute, b.clock)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// files lists every file of a node but the ones that the test itself put there.
func files(t *testing.T, n *journaltest.Node) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(n.Host("/"), func(path string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(n.Host("/"), path)
		if strings.Contains(rel, "nov30") {
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func native() uint16 {
	return map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
}

// header is the header of a 64-bit ELF program for a machine, with nothing behind it.
func header(machine uint16) []byte {
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(b[16:], 2) // an executable
	binary.LittleEndian.PutUint16(b[18:], machine)
	binary.LittleEndian.PutUint32(b[20:], 1)
	binary.LittleEndian.PutUint16(b[52:], 64)
	binary.LittleEndian.PutUint16(b[54:], 56)
	binary.LittleEndian.PutUint16(b[58:], 64)
	return b
}

func writeProgram(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nov30-node")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
