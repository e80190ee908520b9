// Package hoststate describes what a run must leave on the machine as it found it, and says what differs afterwards. It
// only reads.
package hoststate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"
)

// Machine is the machine that is described.
type Machine struct {
	Clock clockwork.Clock
	Root  string // where its file system begins: / outside tests
	Home  string // the user's home directory
	// Run runs a program and returns its standard output; Command does. That there is no such program is exec.ErrNotFound.
	Run func(ctx context.Context, argv ...string) ([]byte, error)
	// EngineDirs are the directories below which the container engine mounts.
	EngineDirs []string
	// Bridges names the bridges of all networks that the engine has now.
	Bridges func(context.Context) ([]string, error)
	// Marks are texts that only the run's own processes and units carry, such as its id.
	Marks []string
}

// Command runs a program, which may lie where only root looks for programs.
func Command(ctx context.Context, argv ...string) ([]byte, error) {
	path, err := exec.LookPath(argv[0])
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, argv[0]))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", argv[0], exec.ErrNotFound)
	}
	out, err := exec.CommandContext(ctx, path, argv[1:]...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w: %.500s", strings.Join(argv, " "), err, failed.Stderr)
	}
	return out, err
}

// State is a description of a machine. What belongs to the engine comes and goes with every cluster on the machine, of
// this run and of others, and is kept apart.
type State struct {
	at      time.Time
	facts   map[string]string
	engine  map[string]string // what the engine made for a bridge, and that bridge
	bridges []string
	// Unmeasured says what this user may not look at.
	Unmeasured []string
}

// Take describes the machine now. What cannot be read is an error; what only root may read is in Unmeasured for others.
func (m Machine) Take(ctx context.Context) (State, error) {
	s := State{at: m.Clock.Now(), facts: map[string]string{}, engine: map[string]string{}}
	var err error
	if s.bridges, err = m.Bridges(ctx); err != nil {
		return State{}, fmt.Errorf("host: the engine's networks: %w", err)
	}
	err = errors.Join(m.files(&s), m.sysctls(&s), m.mounts(&s), m.interfaces(&s), m.routes(&s), m.processes(&s),
		m.units(ctx, &s), m.firewall(ctx, &s))
	if err != nil {
		return State{}, fmt.Errorf("host: %w", err)
	}
	return s, nil
}

// Differences says what of a machine is not as it was: every fact that is new, gone or another, a wall clock that was
// moved, and what the engine made for a network that is gone.
func (s State) Differences(after State) []string {
	var all []string
	if clock := s.clockMoved(after); clock != "" {
		all = append(all, clock)
	}
	for _, fact := range names(s.facts, after.facts) {
		was, had := s.facts[fact]
		is, has := after.facts[fact]
		switch {
		case !had:
			all = append(all, fmt.Sprintf("%s is new: %s", fact, is))
		case !has:
			all = append(all, fmt.Sprintf("%s is gone; it was: %s", fact, was))
		case was != is && !kubeletsOwn(fact, is):
			all = append(all, fmt.Sprintf("%s was: %s\nand is: %s", fact, was, is))
		}
	}
	for _, fact := range names(after.engine) {
		if _, had := s.engine[fact]; !had && !slices.Contains(after.bridges, after.engine[fact]) {
			all = append(all, fmt.Sprintf("%s was left behind: the engine has no network with the bridge %q", fact, after.engine[fact]))
		}
	}
	return all
}

func names(all ...map[string]string) []string {
	union := map[string]string{}
	for _, m := range all {
		maps.Copy(union, m)
	}
	return slices.Sorted(maps.Keys(union))
}

// Time synchronisation may slew the wall clock by 500 ppm (adjtimex(2)) and no more; a tool that sets it moves it by far
// more than the second on top.
const (
	clockTolerance = time.Second
	slewPerSecond  = 500 * time.Microsecond
)

// clockMoved compares what the wall clock says has passed with what the monotonic one says.
func (s State) clockMoved(after State) string {
	passed := after.at.Sub(s.at)
	return moved(passed, after.at.Round(0).Sub(s.at.Round(0))-passed)
}

func moved(passed, by time.Duration) string {
	if by.Abs() <= clockTolerance+time.Duration(passed.Seconds()*float64(slewPerSecond)) {
		return ""
	}
	return fmt.Sprintf("the wall clock was moved by %v in %v", by.Round(time.Millisecond), passed.Round(time.Second))
}
