package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/nodeimage"
	"github.com/nov30/nov30/harness/slo"
	"github.com/nov30/nov30/harness/state"
)

// What must be free on the engine's disk: a build needs several times what a node image takes in the end.
const (
	diskToBuild = 10 << 30
	diskToRun   = 4 << 30
)

func newDoctor() *cobra.Command {
	var fix, quiet bool
	var output string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Tell whether this machine can run the scenarios, and what mends it", Args: cobra.NoArgs,
		Long: `Looks at everything a run needs and prints a row for each, with the command that mends it where it fails.
Exit 3 when the main job cannot run.

With --fix, as root on Debian or Ubuntu, it installs what is missing from the distribution and starts a container
engine of nov30's own, unless NOV30_BOOTSTRAP=0. A working docker or podman is used as it is; NOV30_ENGINE picks one
(docker, podman or own).`,
		Example: "  nov30 doctor\n  sudo nov30 doctor --fix\n  NOV30_ENGINE=podman nov30 doctor -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			if fix {
				if err := mend(cmd); err != nil {
					return err
				}
			}
			return examine(cmd, output, quiet)
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "install and start what is missing")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print nothing when the main job can run")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func mend(cmd *cobra.Command) error {
	say := progress(cmd.ErrOrStderr())
	if _, err := engine.Ensure(cmd.Context(), say); err != nil {
		return err
	}
	return nil
}

func examine(cmd *cobra.Command, output string, quiet bool) error {
	ctx := cmd.Context()
	report := engine.Doctor(ctx, engine.DoctorOptions{Disk: diskNeeded(ctx), Leftovers: leftovers})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	report.Rows = append(report.Rows, imageRow(ctx))
	if !quiet || !report.Runnable() {
		if err := printDoctor(cmd, report, output); err != nil {
			return err
		}
	}
	if !report.Runnable() {
		return exitError{code: slo.ExitInfrastructure}
	}
	return nil
}

func printDoctor(cmd *cobra.Command, report engine.Report, output string) error {
	if output == "table" {
		return report.Table(cmd.OutOrStdout())
	}
	text, err := report.JSON()
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), string(text))
	}
	return err
}

// diskNeeded depends on whether the node image is there already. Not knowing counts as not there.
func diskNeeded(ctx context.Context) uint64 {
	if currentImage(ctx) != "" {
		return diskToRun
	}
	return diskToBuild
}

// currentImage is a node image of this program's recipe, or empty.
func currentImage(ctx context.Context) string {
	m, err := findMachine(ctx)
	if err != nil {
		return ""
	}
	images, err := nodeimage.Builder{Engine: m.Engine}.List(ctx)
	if i := slices.IndexFunc(images, func(i nodeimage.Image) bool { return i.Current }); err == nil && i >= 0 {
		return images[i].Ref
	}
	return ""
}

func imageRow(ctx context.Context) engine.Row {
	if ref := currentImage(ctx); ref != "" {
		return engine.Row{Name: "node image", Status: engine.OK, Value: ref}
	}
	return engine.Row{Name: "node image", Status: engine.Warn, Value: "none of this version: it is made before the first run, in some ten minutes",
		Fix: "nov30 image ensure"}
}

// leftovers looks for what runs that are over have left.
func leftovers(ctx context.Context, e *engine.Engine) (engine.Leftovers, error) {
	found := engine.Leftovers{Fix: "nov30 sweep"}
	dir, err := state.Dir(os.Getenv)
	if err != nil {
		return found, err
	}
	home := experiment.Home{Dir: dir}
	open, err := journal.List(home.Journals())
	for _, l := range open {
		if !l.InUse {
			found.Found = append(found.Found, "journal "+l.Path)
		}
	}
	if e == nil || err != nil {
		return found, err
	}
	dead, listErr := experiment.Dead(ctx, e, home)
	for _, c := range dead {
		found.Found = append(found.Found, "cluster "+c)
	}
	return found, errors.Join(err, listErr)
}
