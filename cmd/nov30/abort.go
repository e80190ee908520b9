package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/report"
)

// abortWithin is how long a run may take to revert, collect and delete.
const abortWithin = 6 * time.Minute

func newAbort() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "abort [RUN-DIR]", Short: "Stop a run that is under way: revert, collect evidence, delete its clusters", Args: cobra.MaximumNArgs(1),
		Long: `Makes the file STOP in the run's directory (default: out/latest), which has the same effect as touching it by hand: the
run reverts what it injected, collects evidence, deletes its clusters, writes its reports and exits 130.`,
		Example: "  nov30 abort\n  nov30 abort --wait=false out/20191130-182908-abcdef\n  touch out/latest/STOP",
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := runDir(args)
			run, err := report.ReadRunFile(dir)
			if err != nil {
				return usageError("%s is not the directory of a run: %w", dir, err)
			}
			if run.Finished {
				return usageError("run %s is over", run.Run)
			}
			f, err := os.OpenFile(filepath.Join(dir, report.StopFile), os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "asked run %s to stop\n", run.Run)
			if !wait {
				return nil
			}
			return awaitEnd(cmd, dir, clockwork.NewRealClock())
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until the run has undone everything and ended")
	return cmd
}

// runDir is the run's directory that was named, or the newest.
func runDir(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return filepath.Join("out", report.LatestLink)
}

// awaitEnd waits until the run says that it is over. A run that was killed never does.
func awaitEnd(cmd *cobra.Command, dir string, clock clockwork.Clock) error {
	deadline := clock.Now().Add(abortWithin)
	for clock.Now().Before(deadline) {
		run, err := report.ReadRunFile(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && run.Finished {
			fmt.Fprintf(cmd.OutOrStdout(), "run %s has ended\n", run.Run)
			return nil
		}
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-clock.After(500 * time.Millisecond):
		}
	}
	return fmt.Errorf("the run has not ended within %s; if its process is gone, `nov30 sweep` undoes what it left", abortWithin)
}
