package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/report"
	"github.com/nov30/nov30/harness/slo"
)

type runFlags struct {
	focus, labels, tool, arms, keep, out, kubernetes, clean, clusters string
	check                                                             bool
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use: "run", Short: "Run scenarios on real clusters and judge a tool", Args: cobra.NoArgs,
		Long: `Runs every selected scenario: a cluster for each arm, the fault, the proof that it bites, and the tool's detection and
repair measured against the SLO. Results go to OUT/RUN; OUT/latest points to the newest.`,
		Example: `  nov30 run --focus 'etcd-certs-expired$'
  nov30 run --labels cause:etcd --tool ./my-tool.yaml --keep on-failure
  nov30 run --focus latent --arms treated     # for the inner loop: yields "inconclusive: partial"`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runScenarios(cmd, f) },
	}
	selection(cmd, &f.focus, &f.labels)
	cmd.Flags().StringVar(&f.tool, "tool", os.Getenv("NOV30_TOOL"), "tool file (default: medic)")
	cmd.Flags().StringVar(&f.arms, "arms", os.Getenv("NOV30_ARMS"), "arms to run, comma-separated (default: all)")
	cmd.Flags().StringVar(&f.keep, "keep", os.Getenv("NOV30_KEEP"), "keep clusters: on-failure or always")
	cmd.Flags().StringVar(&f.out, "out", "out", "directory of results")
	cmd.Flags().StringVar(&f.kubernetes, "kubernetes", os.Getenv("NOV30_KUBERNETES"), "Kubernetes version (default: the recipe's)")
	cmd.Flags().StringVar(&f.clean, "clean", os.Getenv("NOV30_CLEAN"), "how arms come by clean clusters: rewind, golden or new (default: rewind)")
	cmd.Flags().StringVar(&f.clusters, "clusters", os.Getenv("NOV30_CLUSTERS"), "clusters at the same time: 1 rewinds between arms, 2 makes or rewinds one while another is in use (default: as the machine can bear)")
	cmd.Flags().BoolVar(&f.check, "check", false, "only check the flags: run nothing")
	return cmd
}

func runScenarios(cmd *cobra.Command, f runFlags) error {
	selected, err := choose(f.focus, f.labels)
	if err != nil {
		return err
	}
	o, err := options(cmd, f)
	if err != nil || f.check {
		return err
	}
	ctx := cmd.Context()
	s, err := experiment.Begin(ctx, o)
	if err != nil {
		return err
	}
	for _, sc := range selected {
		v, err := s.Scenario(ctx, sc) // it is among the verdict's reasons, and Finish knows it
		fmt.Fprintf(cmd.OutOrStdout(), "%-12s %s\n", v.Verdict, sc.Name)
		for _, r := range v.Reasons {
			fmt.Fprintf(cmd.OutOrStdout(), "             %s\n", r)
		}
		if ctx.Err() != nil || errors.Is(err, experiment.ErrStopped) {
			break
		}
	}
	for _, sc := range selected {
		s.Missing(errInterrupted, sc.Name)
	}
	code, err := s.Finish(ctx.Err() != nil)
	fmt.Fprintf(cmd.OutOrStdout(), "\n%s\n", report.ReadTimeTable(s.Dir))
	if err != nil {
		return exitError{max(code, slo.ExitInfrastructure), err}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "report: %s\n", filepath.Join(f.out, s.Run, report.HTMLFile))
	if code == slo.ExitPass {
		return nil
	}
	return exitError{code, nil}
}

// options turns flags into the options of a run; a wrong flag is a usage error.
func options(cmd *cobra.Command, f runFlags) (experiment.Options, error) {
	o := experiment.Options{Out: f.out, Clock: clockwork.NewRealClock(), Progress: progress(cmd.ErrOrStderr()),
		Offline: os.Getenv("NOV30_OFFLINE") == "1"}
	c, err := experiment.Choose(f.tool, f.arms, f.keep, f.kubernetes, f.clean, f.clusters, toolDirs()...)
	if err != nil {
		return o, exitError{slo.ExitUsage, err}
	}
	o.Choices = c
	if f.check {
		return o, nil
	}
	m, err := findMachine(cmd.Context())
	if err != nil {
		return o, err
	}
	o.Engine, o.Home, o.Cache, o.Exposed = m.Engine, m.Home, m.Cache, os.Getenv("NOV30_TOOL_EXPOSED") == "1"
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	o.Guardian, o.NodeProgram = []string{self, "guardian"}, filepath.Join(filepath.Dir(self), "nov30-node")
	return o, nil
}

// toolDirs are searched for a tool's program before PATH: where nov30 itself is, medic is too.
func toolDirs() []string {
	self, err := os.Executable()
	if err != nil || strings.TrimSpace(self) == "" {
		return nil
	}
	return []string{filepath.Dir(self)}
}
