package tool

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jonboulle/clockwork"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nov30/nov30/harness/slo"
)

// stage runs tools that are small shell scripts, and hears what they say.
type stage struct {
	t    *testing.T
	dir  string // the scripts' scratch directory, $S
	logs struct{ detect, recover bytes.Buffer }
	run  Run

	mu     sync.Mutex
	events []slo.Event
	heard  chan struct{}
}

const critical = `{"severity":"critical","kind":"cert-expired","culprit":"etcd/server"}`

func newStage(t *testing.T) *stage {
	s := &stage{t: t, dir: t.TempDir(), heard: make(chan struct{}, 100_000)}
	kubeconfig := filepath.Join(s.dir, "kubeconfig")
	must(t, os.WriteFile(kubeconfig, []byte("canary"), 0o600))
	path := filepath.Join(t.TempDir(), "etcd-certs-expired", "context.json")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	must(t, WriteContext(path, Context{Cluster: "c", Kubeconfig: kubeconfig}))
	s.run = Run{
		Context: path, Env: []string{"S=" + s.dir}, Detect: &s.logs.detect, Recover: &s.logs.recover,
		Clock: clockwork.NewRealClock(), Emit: func(e slo.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
			s.heard <- struct{}{}
		},
	}
	return s
}

// start starts a tool of two scripts; whatever the test does, it is stopped.
func (s *stage) start(detect, recover string) *Running {
	s.t.Helper()
	x, err := Start(shell(detect, recover), s.run)
	must(s.t, err)
	s.t.Cleanup(x.Stop)
	return x
}

func shell(detect, recover string) Tool {
	return Tool{Name: "shell", Version: "v1", Detect: Command{[]string{"/bin/sh", "-c", detect}}, Recover: Command{[]string{"/bin/sh", "-c", recover}}}
}

// until waits for an event that is like want: same kind and name, and the texts contained.
func (s *stage) until(want slo.Event) slo.Event {
	s.t.Helper()
	timeout := time.After(8 * time.Second)
	for looked := 0; ; {
		events := s.since(looked)
		for _, e := range events {
			if e.Kind == want.Kind && e.Name == want.Name && strings.Contains(e.Error, want.Error) && strings.Contains(e.Detail, want.Detail) {
				return e
			}
		}
		looked += len(events)
		select {
		case <-s.heard:
		case <-timeout:
			s.t.Fatalf("no event like %+v among %d, of which the last are %+v", want, looked, s.since(max(0, looked-5)))
		}
	}
}

func (s *stage) all() []slo.Event { return s.since(0) }

func (s *stage) since(i int) []slo.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events[i:])
}

// names lists the tool events in their order.
func (s *stage) names() string {
	var out []string
	for _, e := range s.all() {
		if e.Kind == slo.ToolEvent {
			out = append(out, fmt.Sprintf("%s:%t", e.Name, e.OK))
		}
	}
	return strings.Join(out, " ")
}

// pid reads a process number that a script wrote.
func (s *stage) pid(name string) int {
	s.t.Helper()
	for range 500 {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if pid, err2 := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && err2 == nil {
			return pid
		}
		time.Sleep(10 * time.Millisecond) // a script tells in files
	}
	s.t.Fatalf("no script has written %s", name)
	return 0
}

// gone fails the test unless that process is dead (a zombie of another parent is).
func (s *stage) gone(pid int) {
	s.t.Helper()
	for range 200 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		time.Sleep(10 * time.Millisecond) // the kernel ends a killed process in its own time
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	s.t.Fatalf("process %d is still there", pid)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", wants)
	}
	for _, w := range wants {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q; want %q in it", err, w)
		}
	}
}

func TestAFindingBecomesAnEventAndTheFirstCriticalOneAnAlarm(t *testing.T) {
	s := newStage(t)
	x := s.start(`echo '{"severity":"warning","culprit":"ca"}'; until [ -e $S/go ]; do sleep 0.02; done; echo '`+critical+`'; exec sleep 60`, "true")
	s.until(slo.Event{Kind: slo.Finding})
	select {
	case <-x.FirstCritical():
		t.Fatal("a warning is an alarm")
	default:
	}
	must(t, os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600))
	<-x.FirstCritical()
	must(t, x.Recover(t.Context()))
	x.Stop()
	if got := s.names(); got != "detect-start:true recover-start:true recover-exit:true detect-exit:true" {
		t.Fatalf("events %s", got)
	}
	var found []string
	for _, e := range s.all() {
		if e.Kind == slo.Finding {
			found = append(found, fmt.Sprintf("%s %s", e.Finding.Severity, e.Finding.Culprit))
		}
	}
	if fmt.Sprint(found) != "[warning ca critical etcd/server]" {
		t.Fatalf("found %v", found)
	}
}

func TestADetectorThatEndsByItselfIsNotOK(t *testing.T) {
	for script, want := range map[string]string{"exit 0": "ended by itself", "exit 7": "exit status 7", "kill -SEGV $$": "signal: segmentation fault"} {
		s := newStage(t)
		x := s.start(script, "true")
		if e := s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit}); e.OK || !strings.Contains(e.Error, want) {
			t.Errorf("%s: %+v", script, e)
		}
		x.Stop()
	}
}

func TestARecoverCommandThatFailsIsNotOK(t *testing.T) {
	s := newStage(t)
	x := s.start("exec sleep 60", "echo why; echo not >&2; exit 3")
	wantError(t, x.Recover(t.Context()), "exit status 3")
	if e := s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverExit}); e.OK || !strings.Contains(e.Error, "exit status 3") {
		t.Errorf("%+v", e)
	}
	if got := s.logs.recover.String(); got != "why\nnot\n" {
		t.Errorf("log %q", got)
	}
}

func TestARecoverCommandThatHangsEndsAtItsDeadline(t *testing.T) {
	s := newStage(t)
	clock := clockwork.NewFakeClock()
	s.run.Clock = clock
	tool := shell("exec sleep 60", "exec sleep 60")
	tool.Deadlines.Recover = metav1.Duration{Duration: 30 * time.Second}
	x, err := Start(tool, s.run)
	must(t, err)
	defer x.Stop()
	result := make(chan error, 1)
	go func() { result <- x.Recover(t.Context()) }()
	must(t, clock.BlockUntilContext(t.Context(), 1))
	clock.Advance(29 * time.Second)
	select {
	case err := <-result:
		t.Fatalf("ended before its deadline: %v", err)
	default:
	}
	clock.Advance(time.Second)
	wantError(t, <-result, "did not end within 30s")
	if e := s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.RecoverExit}); e.OK {
		t.Errorf("%+v", e)
	}
}

func TestThereIsOneRecoveryAndNoneAfterStop(t *testing.T) {
	s := newStage(t)
	x := s.start("exec sleep 60", "true")
	must(t, x.Recover(t.Context()))
	if err := x.Recover(t.Context()); !errors.Is(err, ErrStarted) {
		t.Errorf("second: %v", err)
	}
	s = newStage(t)
	x = s.start("exec sleep 60", "true")
	x.Stop()
	x.Stop() // twice
	if err := x.Recover(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("after Stop: %v", err)
	}
	if got := s.names(); got != "detect-start:true detect-exit:true" {
		t.Errorf("events %s", got)
	}
}

func TestAnInterruptEndsTheRecovery(t *testing.T) {
	s := newStage(t)
	x := s.start("exec sleep 60", "echo $$ >$S/pid; exec sleep 60")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { s.pid("pid"); cancel(errors.New("Ctrl-C")) }()
	wantError(t, x.Recover(ctx), "Ctrl-C")
	s.gone(s.pid("pid"))
}

func TestStopEndsARecoveryUnderWay(t *testing.T) {
	s := newStage(t)
	x := s.start("exec sleep 60", "echo $$ >$S/pid; exec sleep 60")
	result := make(chan error, 1)
	go func() { result <- x.Recover(t.Context()) }()
	pid := s.pid("pid")
	x.Stop()
	if err := <-result; !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	s.gone(pid)
}

// A fake clock makes the three seconds of grace pass at once.
func TestAToolThatIgnoresTERMIsKilled(t *testing.T) {
	s := newStage(t)
	clock := clockwork.NewFakeClock()
	s.run.Clock = clock
	x := s.start(`trap '' TERM; echo $$ >$S/pid; while :; do sleep 60 & wait; done`, "true")
	pid := s.pid("pid")
	stopped := make(chan struct{})
	go func() { defer close(stopped); x.Stop() }()
	must(t, clock.BlockUntilContext(t.Context(), 1))
	clock.Advance(stopGrace)
	<-stopped
	s.gone(pid)
	if e := s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit}); !e.OK || !strings.Contains(e.Detail, "ignored SIGTERM for 3s") {
		t.Errorf("%+v", e)
	}
}

func TestChildrenLeftBehindAreGone(t *testing.T) {
	s := newStage(t)
	// One child in the group, one that ignores TERM, one that has left for a session of its own and holds the pipe.
	x := s.start(`sleep 61 & echo $! >$S/child
(trap '' TERM; echo $(exec sh -c 'echo $PPID') >$S/deaf; while :; do sleep 62; done) &
setsid sh -c 'echo $$ >$S/stray; exec sleep 63' &
wait`, `sleep 64 & echo $! >$S/left; exit 0`)
	child, deaf, stray := s.pid("child"), s.pid("deaf"), s.pid("stray")
	must(t, x.Recover(t.Context()))
	s.gone(s.pid("left"))
	began := time.Now()
	x.Stop()
	for _, pid := range []int{child, deaf, stray} {
		s.gone(pid)
	}
	s.until(slo.Event{Kind: slo.Note, Detail: "left 1 processes outside its process group"})
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestADetectorsChildrenGoWithItWhenItEndsByItself(t *testing.T) {
	s := newStage(t)
	s.start(`sleep 61 & echo $! >$S/child; exit 1`, "true")
	s.until(slo.Event{Kind: slo.ToolEvent, Name: slo.DetectExit, Error: "exit status 1"})
	s.gone(s.pid("child"))
}

func TestAFloodIsBoundedAndNoted(t *testing.T) {
	s := newStage(t)
	x := s.start("exec yes '"+critical+"'", "true")
	<-x.FirstCritical()
	s.until(slo.Event{Kind: slo.Note, Detail: "4 MiB of output"})
	s.until(slo.Event{Kind: slo.Note, Detail: "those after 10000 were not recorded"})
	x.Stop()
	if n := len(s.all()); n > findingsMax+10 {
		t.Errorf("%d events", n)
	}
}

func TestALineWithoutEndIsNotedAndTheNextIsRead(t *testing.T) {
	s := newStage(t)
	x := s.start(`head -c 1000000 /dev/zero | tr '\0' x; echo; echo '`+critical+`'; exec sleep 60`, "true")
	<-x.FirstCritical()
	s.until(slo.Event{Kind: slo.Note, Detail: "line 1: not a finding: longer than 65536 bytes"})
}

func TestGarbageIsNotedAndNotFatal(t *testing.T) {
	s := newStage(t)
	x := s.start(`for i in 1 2 3 4 5; do echo "I am fine"; done; echo '{"severity":"fatal","culprit":"ca"}'; echo; echo '`+critical+`'; exec sleep 60`, "true")
	<-x.FirstCritical()
	x.Stop()
	notes := 0
	for _, e := range s.all() {
		if e.Kind == slo.Note {
			notes++
		}
	}
	if notes != notesMax+1 {
		t.Errorf("%d notes, want %d: %+v", notes, notesMax+1, s.all())
	}
	s.until(slo.Event{Kind: slo.Note, Detail: "6 of 7 lines were no findings"})
}

func TestStandardErrorIsKeptAndIsNoFinding(t *testing.T) {
	s := newStage(t)
	x := s.start(`echo '`+critical+`' >&2; echo 1 >$S/printed; exec sleep 60`, "true")
	s.pid("printed")
	x.Stop()
	if got := s.logs.detect.String(); got != critical+"\n" {
		t.Errorf("log %q", got)
	}
	if len(s.all()) != 2 {
		t.Errorf("events %+v", s.all())
	}
}

func TestAProgramThatCannotBeStartedIsAnEventAndLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := newStage(t)
	_, err := Start(Tool{Name: "x", Version: "v1", Detect: Command{[]string{"/nowhere/tool"}}}, s.run)
	wantError(t, err, "start the detector of x v1", "/nowhere/tool")
	if got := s.names(); got != "detect-start:false" {
		t.Errorf("events %s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "nov30-tool-*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	s = newStage(t)
	tool := shell("exec sleep 60", "")
	tool.Recover.Exec = []string{"/nowhere/heal"}
	x, err := Start(tool, s.run)
	must(t, err)
	wantError(t, x.Recover(t.Context()), "/nowhere/heal")
	x.Stop()
	if got := s.names(); got != "detect-start:true recover-start:false detect-exit:true" {
		t.Errorf("events %s", got)
	}
}

func TestAToolSeesItsContextAndNothingOfTheHarness(t *testing.T) {
	for name, value := range map[string]string{"NOV30_ENGINE": "e", "XDG_STATE_HOME": "/state", "NOV30_SECRET": "s", "HOME": "/home/x"} {
		t.Setenv(name, value)
	}
	s := newStage(t)
	x := s.start(`env >$S/env; pwd >$S/cwd; cp "$NOV30_CONTEXT" $S/context; cat "$KUBECONFIG" >$S/seen; stat -c %a "$NOV30_CONTEXT" "$KUBECONFIG" . >$S/modes; echo 1 >$S/ready; exec sleep 60`, "true")
	s.pid("ready")
	x.Stop()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		must(t, err)
		return string(text)
	}
	env := read("env")
	for _, hidden := range []string{"NOV30_ENGINE", "NOV30_SECRET", "XDG_STATE_HOME", "etcd-certs-expired"} {
		if strings.Contains(env+read("cwd")+read("context"), hidden) {
			t.Errorf("the tool sees %s", hidden)
		}
	}
	if !strings.Contains(env, "HOME=/home/x\n") || !strings.Contains(env, "PATH=") || !strings.Contains(env, "S="+s.dir) {
		t.Errorf("environment %s", env)
	}
	var c Context
	must(t, json.Unmarshal([]byte(read("context")), &c))
	if c.Cluster != "c" || read("seen") != "canary" || read("modes") != "600\n600\n700\n" {
		t.Errorf("context %+v, kubeconfig %q, modes %q", c, read("seen"), read("modes"))
	}
	if _, err := os.Stat(filepath.Dir(c.Kubeconfig)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the tool's directory is left: %v", err)
	}
}

func TestNoEventComesAfterStop(t *testing.T) {
	s := newStage(t)
	x := s.start("while :; do echo '"+critical+"'; done", "true")
	<-x.FirstCritical()
	x.Stop()
	n := len(s.all())
	time.Sleep(50 * time.Millisecond) // any later event would show as another count
	if m := len(s.all()); m != n {
		t.Fatalf("%d events after Stop", m-n)
	}
	if last := s.all()[n-1]; last.Kind == slo.Finding {
		t.Fatalf("the last event is %+v", last)
	}
}
