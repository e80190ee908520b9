package guardian

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What this test binary is when a Guard starts it.
const (
	programVariable = "NOV30_TEST_GUARDIAN"
	undoneVariable  = "NOV30_TEST_UNDONE" // file that undo makes
)

func TestMain(m *testing.M) {
	program := os.Getenv(programVariable)
	if program == "" {
		os.Exit(m.Run())
	}
	if err := play(program); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(program string) error {
	undo := func(context.Context) error { return os.WriteFile(os.Getenv(undoneVariable), nil, 0o600) }
	switch program {
	case "guardian":
		return Watch(context.Background(), os.Stdin, os.Stdout, undo, func(s string) { fmt.Fprintln(os.Stderr, s) })
	case "mute":
		_, err := os.Stdin.Read(make([]byte, 1))
		return err
	case "babbler":
		_, err := fmt.Println("hello")
		return err
	case "liar": // ends well, but never reads of its release
		fmt.Println(ready)
		_, err := os.Stdin.Read(make([]byte, 100))
		return err
	}
	return errors.New("cannot start")
}

func begin(t *testing.T, program string, log *os.File) (g *Guard, undone string, err error) {
	t.Helper()
	undone = filepath.Join(t.TempDir(), "undone")
	g, err = start([]string{os.Args[0]}, append(os.Environ(), programVariable+"="+program, undoneVariable+"="+undone), log, time.Second)
	if g != nil {
		t.Cleanup(func() {
			_ = g.cmd.Process.Kill()
			<-g.done
		})
	}
	return g, undone, err
}

func guarding(t *testing.T, program string, log *os.File) (g *Guard, undone string) {
	t.Helper()
	g, undone, err := begin(t, program, log)
	if err != nil {
		t.Fatal(err)
	}
	return g, undone
}

func TestAReleaseEndsTheGuardianAndNothingIsUndone(t *testing.T) {
	g, undone := guarding(t, "guardian", nil)
	path := file(t, "kubeconfig")
	if err := errors.Join(g.Remove(path), g.Strays(path), g.Forget(path), g.Remove(path), g.Err(), g.Release(t.Context()), g.Err()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"/etc", "", "/a/\xff"} {
		if p != "" && g.Remove(p) == nil {
			t.Errorf("%q is to be removed", p)
		}
	}
	if _, err := os.Stat(undone); !os.IsNotExist(err) {
		t.Errorf("it was undone: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if g.Release(t.Context()) == nil || g.Remove(path) == nil {
		t.Error("a released guardian takes orders")
	}
	select {
	case <-g.Died():
		t.Error("a release is taken for a death")
	default:
	}
}

func TestTheGuardianIsInASessionOfItsOwnAndOutlivesSignals(t *testing.T) {
	log, nobody, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	g, undone := guarding(t, "guardian", nobody)
	if err := errors.Join(log.Close(), nobody.Close()); err != nil { // nobody reads its log any more
		t.Fatal(err)
	}
	pid := g.cmd.Process.Pid
	if session, err := unix.Getsid(pid); err != nil || session != pid {
		t.Errorf("session %d, %v; want its own, %d", session, err, pid)
	}
	for _, s := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE} {
		if err := unix.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	path := file(t, "kubeconfig")
	if err := errors.Join(g.Remove(path), g.pipe.Close()); err != nil { // as the kernel does for a dead harness
		t.Fatal(err)
	}
	<-g.done
	if _, err := os.Stat(undone); err != nil || g.cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("not undone: %v, %v", err, g.cmd.ProcessState)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("not removed: %v", err)
	}
}

func TestADeadGuardianIsNoticed(t *testing.T) {
	g, _ := guarding(t, "guardian", nil)
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-g.Died()
	if err := g.Err(); !errors.Is(err, ErrDied) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
	if g.Remove("/a/b") == nil {
		t.Error("a dead guardian takes orders")
	}
	if err := g.Release(t.Context()); !errors.Is(err, ErrDied) {
		t.Errorf("released a dead guardian: %v", err)
	}
}

func TestAGuardianThatDoesNotConfirmItsReleaseDidNotGuard(t *testing.T) {
	g, _ := guarding(t, "liar", nil)
	if err := g.Release(t.Context()); !errors.Is(err, ErrDied) {
		t.Errorf("got %v", err)
	}
}

func TestAGuardianThatIsNotReadyIsAnError(t *testing.T) {
	for _, program := range []string{"mute", "babbler", "broken"} {
		if g, _, err := begin(t, program, nil); !errors.Is(err, ErrNotReady) || g != nil {
			t.Errorf("%s: %v, %v", program, g, err)
		}
	}
	if g, err := Start([]string{"/nonexistent/nov30"}, nil, nil); err == nil {
		t.Errorf("started nothing: %v", g)
	}
}

func TestAGuardianThatDoesNotEndIsKilled(t *testing.T) {
	g, _ := guarding(t, "guardian", nil)
	if err := unix.Kill(g.cmd.Process.Pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := g.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-g.done
}
