package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/state"
)

// machine is what a command works on.
type machine struct {
	Engine *engine.Engine
	Home   experiment.Home
	Cache  string
}

// findMachine finds the engine and the directories; it installs and starts nothing.
func findMachine(ctx context.Context) (machine, error) {
	dir, err := state.Dir(os.Getenv)
	if err != nil {
		return machine{}, err
	}
	cache, err := state.CacheDir(os.Getenv)
	if err != nil {
		return machine{}, err
	}
	e, err := engine.Find(ctx, os.Getenv)
	return machine{Engine: e, Home: experiment.Home{Dir: dir}, Cache: cache}, err // the directories are known even then
}

func (m machine) provider(cmd *cobra.Command) cluster.Provider {
	return cluster.Provider{Engine: m.Engine, Clock: clockwork.NewRealClock(), Home: m.Home.ID(), Progress: progress(cmd.ErrOrStderr())}
}

// progress prints a line at a time; parts of a run call it concurrently.
func progress(w io.Writer) func(string) {
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, "  "+line)
	}
}
