// Package kill kills nov30 at any moment and looks at what is left: the same faults, journal and guardian as in a real run,
// on a cluster of directories and processes (journaltest.Processes). The test binary runs itself in other roles: the victim
// stands for the harness, the guardian for `nov30 guardian`.
package kill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nov30/nov30/harness/guardian"
	"github.com/nov30/nov30/harness/journal/journaltest"
)

// What a process of this binary is told in its environment.
const (
	roleVariable     = "NOV30_KILL_ROLE"
	dirVariable      = "NOV30_KILL_DIR"      // the run's directory, in the environment of all its processes
	guardianVariable = "NOV30_KILL_GUARDIAN" // the role of the victim's guardian
	faultsVariable   = "NOV30_KILL_FAULTS"   // what the victim injects
	pauseVariable    = "NOV30_KILL_PAUSE"    // the step after which the victim stands still
)

// The roles.
const (
	victimRole   = "victim"
	guardianRole = "guardian"
	idleRole     = "guardian-idle"  // does nothing
	hastyRole    = "guardian-hasty" // does not wait for what the dead run's commands still do in the nodes
)

// Exit codes of a victim that is not killed.
const (
	exitNoticed   = 3 // its guardian died: it has undone everything itself
	exitUnguarded = 4 // it had none: it has changed nothing
)

func TestMain(m *testing.M) {
	journaltest.BeMachine()
	role, dir := os.Getenv(roleVariable), os.Getenv(dirVariable)
	if role == "" {
		// What the victims leave behind becomes this process's to reap.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			fmt.Fprintln(os.Stderr, "prctl:", err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	os.Exit(play(role, home(dir)))
}

func play(role string, h home) int {
	var err error
	switch role {
	case victimRole:
		err = newVictim(h).run(context.Background())
	case guardianRole, hastyRole:
		say("guardian %d", os.Getpid())
		tell := func(s string) { say("guardian: %s", s) }
		undo := sweep{home: h, hasty: role == hastyRole, say: tell}
		err = guardian.Watch(context.Background(), os.Stdin, os.Stdout, undo.run, tell)
	case idleRole:
		nothing := func(context.Context) error { return nil }
		err = guardian.Watch(context.Background(), &deaf{os.Stdin}, os.Stdout, nothing, func(string) {})
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err == nil {
		return 0
	}
	say("%s: %v", role, err)
	switch {
	case errors.Is(err, guardian.ErrDied):
		return exitNoticed
	case errors.Is(err, errUnguarded):
		return exitUnguarded
	}
	return 1
}

// say tells the test of a step, on the pipe that all processes of a run share.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
