package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/state"
)

func newSweep() *cobra.Command {
	var all, stop bool
	var output string
	cmd := &cobra.Command{
		Use: "sweep", Short: "Undo what a run that crashed left broken, and delete its clusters", Args: cobra.NoArgs,
		Long: `Applies every inverse that a crashed run left in its journal, verifies each, and deletes the run's clusters.
Runs that are alive are left alone, and so are clusters kept with KEEP unless --delete is given.
Exit 4 when something could not be undone; what to do by hand is printed.`,
		Example: "  nov30 sweep\n  nov30 sweep --delete --stop-engine",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			swept, err := sweep(cmd, all)
			if err == nil && stop {
				err = noRunIsAlive(swept)
			}
			if err == nil && stop {
				err = engine.Stop(cmd.Context())
			}
			return errors.Join(err, printSwept(cmd, swept, output, err))
		},
	}
	cmd.Flags().BoolVar(&all, "delete", false, "also delete clusters that were kept")
	cmd.Flags().BoolVar(&stop, "stop-engine", false, "stop nov30's own container engine afterwards")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

// noRunIsAlive refuses to stop the engine under a run, one without a cluster yet too.
func noRunIsAlive(swept experiment.Swept) error {
	dir, err := state.Dir(os.Getenv)
	if err != nil {
		return err
	}
	runs, err := experiment.Home{Dir: dir}.Living()
	if err == nil && len(runs)+len(swept.Busy) > 0 {
		err = fmt.Errorf("a run is alive, its engine is not stopped: %s", strings.Join(append(runs, swept.Busy...), ", "))
	}
	return err
}

func sweep(cmd *cobra.Command, all bool) (experiment.Swept, error) {
	m, err := findMachine(cmd.Context())
	if errors.Is(err, engine.ErrNoEngine) {
		waiting, lookErr := m.Home.Waiting()
		if lookErr == nil && len(waiting) == 0 {
			return experiment.Swept{}, nil
		}
		return experiment.Swept{}, errors.Join(fmt.Errorf("no engine runs, so this could not be looked at: %s; `nov30 doctor --fix` starts one",
			strings.Join(waiting, ", ")), lookErr)
	}
	if err != nil {
		return experiment.Swept{}, err
	}
	return experiment.Sweep(cmd.Context(), m.provider(cmd), m.Home, experiment.Scope{Kept: all}, progress(cmd.ErrOrStderr()))
}

func printSwept(cmd *cobra.Command, s experiment.Swept, output string, failed error) error {
	w := cmd.OutOrStdout()
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	for _, row := range []struct {
		what string
		list []string
	}{{"reverted", s.Reverted}, {"deleted", s.Deleted}, {"kept", s.Kept}, {"busy", s.Busy}} {
		if len(row.list) > 0 {
			fmt.Fprintf(w, "%-9s %s\n", row.what, strings.Join(row.list, "\n          "))
		}
	}
	if failed == nil && len(s.Reverted)+len(s.Deleted)+len(s.Kept)+len(s.Busy) == 0 {
		fmt.Fprintln(w, "nothing was left behind")
	}
	return nil
}
