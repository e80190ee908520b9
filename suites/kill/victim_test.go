package kill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jonboulle/clockwork"
	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/fault"
	"github.com/nov30/nov30/harness/guardian"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/journaltest"
	"github.com/nov30/nov30/harness/tool"
)

// errUnguarded is a victim that could not get a guardian.
var errUnguarded = errors.New("nothing was changed, there is no guardian")

// holdFor is how long the victim leaves the faults in place.
const holdFor = 20 * time.Millisecond

// victim stands for the harness: under a guardian it injects, holds, reverts and seals, again and again.
type victim struct {
	home
	guard *guardian.Guard
	pause string
}

func newVictim(h home) *victim { return &victim{home: h, pause: os.Getenv(pauseVariable)} }

// step tells the test, and stands still where that was asked for.
func (v *victim) step(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	say("%s", text)
	for text == v.pause {
		_ = unix.Pause()
	}
}

func (v *victim) run(ctx context.Context) error {
	runtime.LockOSThread() // the tool dies with the thread that started it
	v.step("begun")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := append(os.Environ(), roleVariable+"="+os.Getenv(guardianVariable))
	if v.guard, err = guardian.Start([]string{self}, env, os.Stderr); err != nil {
		return fmt.Errorf("%w: %w", errUnguarded, err)
	}
	v.step("guarded")
	if err := v.tool(); err != nil {
		return err
	}
	c, err := journaltest.Open(v.cluster())
	if err != nil {
		return err
	}
	for n := 0; err == nil; n++ {
		err = v.arm(ctx, c, n)
	}
	killed, killErr := tool.KillStrays(v.context())
	say("ended by itself, killed %d processes of the tool", killed)
	return errors.Join(err, killErr, os.RemoveAll(v.private()))
}

// tool starts what leaves more behind than inverses: a private directory, and a process outside every group.
func (v *victim) tool() error {
	if err := errors.Join(v.guard.Remove(v.private()), v.guard.Strays(v.context())); err != nil {
		return err
	}
	if err := os.Mkdir(v.private(), 0o700); err != nil {
		return err
	}
	v.step("private")
	if err := os.WriteFile(v.private()+"/kubeconfig", []byte("a key"), 0o400); err != nil {
		return err
	}
	cmd := exec.Command("sh", "-c", "setsid sleep 1000 & wait")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), tool.ContextVariable + "=" + v.context()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	v.step("tool")
	return nil
}

// arm is one round. Once its guardian has died it ends with that error, and with everything undone.
func (v *victim) arm(ctx context.Context, c *journaltest.Processes, n int) error {
	sum, err := caSum(c)
	if err != nil {
		return err
	}
	j, err := journal.Create(v.journals(), journal.Meta{Run: fmt.Sprintf("run-%d", n), Cluster: c.Name(), CASHA256: sum,
		APIServer: "https://127.0.0.1:6443", Created: clockwork.NewRealClock().Now()})
	if err != nil {
		return err
	}
	defer j.Close()
	v.step("journal")
	err = v.inject(ctx, c, j)
	v.step("held")
	select {
	case <-v.guard.Died():
		err = errors.Join(err, v.guard.Err())
	case <-clockwork.NewRealClock().After(holdFor):
	}
	revertErr := j.Revert(ctx, c, func(i journal.Inverse, err error) { v.step("reverted %s: %v", i, err) })
	if revertErr != nil {
		return errors.Join(err, revertErr)
	}
	v.step("undone")
	err = errors.Join(err, j.Seal())
	v.step("sealed")
	return err
}

// inject goes on until the guardian has died: nothing more is broken then.
func (v *victim) inject(ctx context.Context, c *journaltest.Processes, j journal.Journal) error {
	for _, f := range v.faults() {
		if err := v.guard.Err(); err != nil {
			return err
		}
		v.step("inject %s", f)
		if err := f.Inject(ctx, told{c, v}, writing{j, v}); err != nil {
			return err
		}
	}
	return nil
}

func (v *victim) faults() []fault.Fault {
	switch which := os.Getenv(faultsVariable); which {
	case "":
		return theFaults()
	case "late":
		return []fault.Fault{lateFile{v}}
	case "slow":
		return []fault.Fault{slowFile{v}}
	default:
		panic("unknown faults " + which)
	}
}

// writing says when an inverse is on disk.
type writing struct {
	journal.Journal
	v *victim
}

func (w writing) Append(i journal.Inverse) error {
	w.v.step("append %s", i)
	err := w.Journal.Append(i)
	if err == nil {
		what, _, _ := strings.Cut(i.String(), " (")
		w.v.step("appended %s", what)
	}
	return err
}

// told says when a node is off.
type told struct {
	*journaltest.Processes
	v *victim
}

func (t told) StopNode(ctx context.Context, name string) error {
	err := t.Processes.StopNode(ctx, name)
	t.v.step("stopped")
	return err
}

func (t told) StartNode(ctx context.Context, name string) error {
	err := t.Processes.StartNode(ctx, name)
	t.v.step("started")
	return err
}
