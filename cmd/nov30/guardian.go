package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/guardian"
)

// newGuardian is not for people: a run starts it, and it undoes what the run did should the run's process die.
func newGuardian() *cobra.Command {
	return &cobra.Command{
		Use: "guardian RUN", Short: "Undo a run when the pipe on standard input closes (started by a run)", Hidden: true, Args: cobra.ExactArgs(1),
		Long: `Waits for the end of its standard input, whose other end the run holds. If the run has not said before that it undid everything
itself, it has died: the guardian kills what its tool left, applies its journals, deletes its clusters and removes its keys.`,
		Example: "  nov30 guardian 20191130-182908-abcdef   # by nov30 run, with a pipe",
		RunE: func(cmd *cobra.Command, args []string) error {
			say := func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
			undo := func(ctx context.Context) error {
				m, err := findMachine(ctx)
				if err != nil {
					return err
				}
				swept, err := experiment.Sweep(ctx, m.provider(cmd), m.Home, experiment.Scope{Run: args[0]}, say)
				if err == nil && len(swept.Busy) > 0 { // by a child of the dead run that has not let go yet
					err = fmt.Errorf("still held: %v", swept.Busy)
				}
				return err
			}
			// Not the command's context: it ends with the first Ctrl-C, which is not meant for the guardian.
			return guardian.Watch(context.WithoutCancel(cmd.Context()), os.Stdin, os.Stdout, undo, say)
		},
	}
}
