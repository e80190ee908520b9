// Command nov30 breaks real kind clusters the way 2019-11-30 broke one, and judges the tools that should bring them back.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/slo"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := interruptible(os.Stderr)
	defer stop()
	root := newRoot()
	root.SetArgs(os.Args[1:])
	err := root.ExecuteContext(ctx)
	if err == nil {
		return slo.ExitPass
	}
	var quiet exitError
	if !errors.As(err, &quiet) || quiet.err != nil {
		fmt.Fprintf(os.Stderr, "nov30: %v\n", err)
	}
	return exitCode(ctx, err)
}

// interruptible cancels on the first SIGINT or SIGTERM; what runs then reverts, collects and deletes on contexts of its
// own. A further one only says that this is going on: the journal is on disk either way.
func interruptible(w *os.File) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for range signals {
			if ctx.Err() == nil {
				fmt.Fprintln(w, "nov30: interrupted: reverting, collecting evidence, deleting the cluster …")
			} else {
				fmt.Fprintln(w, "nov30: still cleaning up; should this process be killed, `nov30 sweep` does the rest")
			}
			cancel(errInterrupted)
		}
	}()
	return ctx, func() { cancel(nil) }
}

var errInterrupted = errors.New("interrupted")

// exitError carries an exit code; with err nil everything has been said already.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// usageError is a mistake of whoever typed the command.
func usageError(format string, args ...any) error {
	return exitError{slo.ExitUsage, fmt.Errorf(format, args...)}
}

func exitCode(ctx context.Context, err error) int {
	var incomplete *journal.IncompleteError
	var coded exitError
	switch {
	case errors.As(err, &incomplete), errors.Is(err, experiment.ErrOpenJournal):
		return slo.ExitRevertIncomplete
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, engine.ErrChoice):
		return slo.ExitUsage
	case ctx.Err() != nil:
		return slo.ExitInterrupted
	}
	return slo.ExitInfrastructure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "nov30",
		Short: "Break real clusters the way 2019-11-30 broke one, and judge the tools that should bring them back",
		Long: `nov30 creates a real kind cluster, injects one cause of the outage of 2019-11-30, proves that it bites, and measures
whether a tool detects and repairs it within its SLO. The verdict is computed from records alone.

Exit codes: 0 pass, 1 a verdict failed, 2 inconclusive, 3 infrastructure, 4 a revert is incomplete, 64 usage,
130 interrupted.`,
		Example: `  nov30 doctor --fix
  nov30 list
  nov30 run --focus 'etcd-certs-expired$'
  nov30 run --focus 'etcd-certs-expired$' --tool ./my-tool.yaml --keep on-failure
  nov30 judge out/latest
  nov30 sweep`,
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitError{slo.ExitUsage, err} })
	root.AddCommand(newDoctor(), newImage(), newList(), newRun(), newAbort(), newJudge(), newReport(), newTool(), newBench(), newInject(), newSweep(), newGuardian())
	usageArgs(root)
	return root
}

// usageArgs makes wrong arguments of a command, and of those below it, a usage error.
func usageArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return exitError{slo.ExitUsage, fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}
