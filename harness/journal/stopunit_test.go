package journal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

// pulsed is a node in which a unit stops a program's process again and again.
type pulsed struct {
	*journaltest.Cluster
	node       *journaltest.Node
	clock      *clockwork.FakeClock
	loaded     bool
	states     string // what ps says: a line for each process
	stubborn   bool   // systemd does not stop the unit
	vanishes   bool   // the unit ends by itself just before it is stopped
	unheeding  bool   // SIGCONT does not continue the process
	order      []string
	loadedThen bool // when the process was continued, the unit was still there
}

func newPulsed(t *testing.T) *pulsed {
	p := &pulsed{Cluster: journaltest.New(t, cluster.ControlPlane), clock: clockwork.NewFakeClock(), loaded: true, states: "  544 Tsl\n"}
	p.node = p.Directories[0]
	p.node.Commands["systemctl"] = p.systemctl
	p.node.Intercept = p.intercept
	return p
}

func (p *pulsed) systemctl(_ context.Context, _ []byte, argv []string) ([]byte, error) {
	if unit := argv[len(argv)-1]; unit != "nov30-slow.service" {
		return nil, fmt.Errorf("no such unit: %s", unit)
	}
	p.clock.Advance(1e8)
	switch argv[1] {
	case "show":
		if p.loaded {
			return []byte("LoadState=loaded\nActiveState=active\n"), nil
		}
		return []byte("LoadState=not-found\nActiveState=inactive\n"), nil
	case "stop":
		p.order = append(p.order, "stop")
		if p.vanishes || !p.loaded {
			p.loaded = false
			return nil, errors.New("exit status 5")
		}
		p.loaded = p.stubborn
		return nil, nil
	}
	return nil, errors.New("exit status 1")
}

// intercept stands in for procps.
func (p *pulsed) intercept(argv []string, run func() ([]byte, error)) ([]byte, error) {
	switch line := strings.Join(argv, " "); {
	case strings.Contains(line, "pkill -CONT"):
		p.order, p.loadedThen = append(p.order, "continue"), p.loaded
		if !p.unheeding {
			p.states = strings.ReplaceAll(p.states, "T", "S")
		}
		return nil, nil
	case strings.Contains(line, "ps -o"):
		return []byte(p.states), nil
	}
	return run()
}

func stopUnit(n *journaltest.Node) journal.Inverse {
	return journal.Inverse{Op: journal.StopUnit, Node: n.Name(), Unit: "nov30-slow.service", Program: "kube-apiserver"}
}

func (p *pulsed) journal(t *testing.T) *journal.File {
	t.Helper()
	f := begin(t)
	f.Clock = p.clock
	if err := f.Append(stopUnit(p.node)); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAUnitIsStoppedBeforeItsVictimsAreContinuedAndOnlyOnce(t *testing.T) {
	p := newPulsed(t)
	f := p.journal(t)
	kept, err := os.ReadFile(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Revert(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	if p.loaded || p.loadedThen || strings.Contains(p.states, "T") || !slices.Equal(p.order, []string{"stop", "continue"}) {
		t.Errorf("unit loaded %v, when its victim was continued %v, processes %q, order %q", p.loaded, p.loadedThen, p.states, p.order)
	}
	if err := os.WriteFile(f.Path(), kept, 0o600); err != nil { // as after a crash before the marker
		t.Fatal(err)
	}
	again := reopen(t, f)
	again.Clock = p.clock
	if err := errors.Join(again.Revert(t.Context(), p, nil), again.Seal()); err != nil || !slices.Equal(p.order, []string{"stop", "continue", "continue"}) {
		t.Errorf("again: %v, order %q", err, p.order)
	}
}

func TestAUnitThatEndedByItselfIsNoFailure(t *testing.T) {
	for name, spoil := range map[string]func(*pulsed){
		"long ago":               func(p *pulsed) { p.loaded = false },
		"a moment ago":           func(p *pulsed) { p.vanishes = true },
		"with the whole node":    func(p *pulsed) { p.loaded, p.states = false, "" },
		"the process is running": func(p *pulsed) { p.states = "544 Rl\n545 Ss+\n" },
	} {
		p := newPulsed(t)
		spoil(p)
		f := p.journal(t)
		if err := errors.Join(f.Revert(t.Context(), p, nil), f.Seal()); err != nil || strings.Contains(p.states, "T") {
			t.Errorf("%s: %v, processes %q", name, err, p.states)
		}
	}
}

func TestAUnitThatIsNotUndoneIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*pulsed)
		want  string
	}{
		"it does not stop":            {func(p *pulsed) { p.stubborn = true }, "still knows the unit"},
		"its victim stays stopped":    {func(p *pulsed) { p.unheeding = true }, "still stopped"},
		"one of its victims does":     {func(p *pulsed) { p.states, p.unheeding = "544 Ssl\n545 Tsl\n", true }, "process 545"},
		"ps speaks another language":  {func(p *pulsed) { p.states = "543\n" }, "ps answered"},
		"the node has no systemd":     {func(p *pulsed) { delete(p.node.Commands, "systemctl") }, "systemctl"},
		"the node is off":             {func(p *pulsed) { p.node.Running = false }, "not running"},
		"there is no node any longer": {func(p *pulsed) { p.Directories = nil }, "no such node"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPulsed(t)
			f := p.journal(t)
			c.spoil(p)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { // for those that are asked again until the time is over
				for p.clock.BlockUntilContext(ctx, 2) == nil && ctx.Err() == nil {
					p.clock.Advance(1e9)
				}
			}()
			err := f.Revert(ctx, p, nil)
			var incomplete *journal.IncompleteError
			if !errors.As(err, &incomplete) || len(incomplete.Failed) != 1 {
				t.Fatalf("got %v", err)
			}
			for _, want := range []string{c.want, "stop-unit " + p.node.Name() + ":nov30-slow.service",
				`systemctl stop nov30-slow.service; pkill -CONT -f '^([^ ]*/)?kube-apiserver( |$)'`} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestAnInverseThatPromisesWhatItDoesNotDoIsRefused(t *testing.T) {
	for name, change := range map[string]func(*journal.Inverse){
		"no unit":           func(i *journal.Inverse) { i.Unit = "" },
		"another's unit":    func(i *journal.Inverse) { i.Unit = "kubelet.service" },
		"an option":         func(i *journal.Inverse) { i.Unit = "--force" },
		"two units":         func(i *journal.Inverse) { i.Unit = "nov30-a.service kubelet.service" },
		"no program":        func(i *journal.Inverse) { i.Program = "" },
		"a pattern":         func(i *journal.Inverse) { i.Program = ".*" },
		"a file beside it":  func(i *journal.Inverse) { i.Path = "/f" },
		"an absence":        func(i *journal.Inverse) { i.Absent = true },
		"a file's unit":     func(i *journal.Inverse) { i.Op, i.Path = journal.RestoreFile, "/f" },
		"a node's program":  func(i *journal.Inverse) { i.Op, i.Unit = journal.StartNode, "" },
		"a preimage":        func(i *journal.Inverse) { i.Preimage = []byte("x") },
		"no node":           func(i *journal.Inverse) { i.Node = "" },
		"another operation": func(i *journal.Inverse) { i.Op = "stop-everything" },
	} {
		p := newPulsed(t)
		i := stopUnit(p.node)
		change(&i)
		if err := begin(t).Append(i); err == nil {
			t.Errorf("%s: %+v was taken", name, i)
		}
	}
}

// TestAStoppedProcessIsFoundAndContinued runs the real procps, on a program name that nothing else on the host has.
func TestAStoppedProcessIsFoundAndContinued(t *testing.T) {
	pkill, err := exec.LookPath("pkill")
	if err != nil {
		t.Skip("procps is not installed")
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	name := "nov30-test-" + strings.ToLower(filepath.Base(filepath.Dir(t.TempDir())))
	victim := &exec.Cmd{Path: sleep, Args: []string{"/usr/local/bin/" + name, "60"}}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = victim.Process.Kill(), victim.Wait() }()
	state := func() string {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", victim.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(stat[strings.LastIndex(string(stat), ")")+1:]))[0]
	}
	p := newPulsed(t)
	p.node.Intercept = func(argv []string, run func() ([]byte, error)) ([]byte, error) {
		if argv[0] != "sh" {
			return run()
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = []string{"PATH=" + filepath.Dir(pkill) + ":/bin"}
		return cmd.Output()
	}
	for range 2 { // the second time there is nothing to continue
		inv := stopUnit(p.node)
		inv.Program = name
		f := begin(t)
		f.Clock = p.clock
		if err := errors.Join(f.Append(inv), f.Revert(t.Context(), p, nil)); err != nil || strings.EqualFold(state(), "T") {
			t.Fatalf("%v, the process is in state %s", err, state())
		}
		p.loaded = true
		if err := victim.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	inv := stopUnit(p.node)
	inv.Program = name
	f := begin(t)
	f.Clock = p.clock
	if err := errors.Join(f.Append(inv), f.Revert(t.Context(), p, nil)); err != nil {
		t.Errorf("no process of that name is left, yet: %v", err)
	}
}
