package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/bench"
	"github.com/nov30/nov30/harness/engine"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/slo"
)

// leastRounds is the fewest from which a median says something.
const leastRounds = 5

func newBench() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure what clusters cost on this machine", Args: cobra.NoArgs,
		Example: "  nov30 bench cluster",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newBenchCluster())
	return cmd
}

func newBenchCluster() *cobra.Command {
	var f runFlags
	var rounds int
	var output string
	cmd := &cobra.Command{
		Use: "cluster", Short: "Compare the ways to a clean cluster: plain kind, new, golden, rewound, from the pool", Args: cobra.NoArgs,
		Long: `Has a clean two-node cluster in every way, one after the other in changing order, and compares the medians with those of
plain kind create --wait. Takes some two minutes a round on two cores; nothing else should run meanwhile. Results also go to
OUT/bench/RUN: cluster.json and a plot, cluster.svg. A target that is not met is no failure; a way that failed is: exit 3.`,
		Example: "  nov30 bench cluster\n  nov30 bench cluster --rounds 10 -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usageError("output %q: table or json", output)
			}
			if rounds < leastRounds {
				return usageError("rounds %d: %d at least", rounds, leastRounds)
			}
			return benchCluster(cmd, f, rounds, output)
		},
	}
	cmd.Flags().IntVar(&rounds, "rounds", leastRounds, "how often every way is taken")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	cmd.Flags().StringVar(&f.out, "out", "out", "directory of results")
	cmd.Flags().StringVar(&f.kubernetes, "kubernetes", os.Getenv("NOV30_KUBERNETES"), "Kubernetes version (default: the recipe's)")
	return cmd
}

func benchCluster(cmd *cobra.Command, f runFlags, rounds int, output string) error {
	f.out = filepath.Join(f.out, "bench")
	o, err := options(cmd, f)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	capacity, err := engine.MeasureCapacity(ctx, o.Engine)
	if err != nil {
		return err
	}
	s, err := experiment.Begin(ctx, o)
	if err != nil {
		return err
	}
	result, err := bench.Run(ctx, o.Clock, s.Ways(), rounds, o.Progress)
	result.Machine = []bench.Fact{{Name: "cores", Value: fmt.Sprint(runtime.NumCPU())}, {Name: "engine", Value: o.Engine.Name},
		{Name: "node image", Value: s.Image}, {Name: "clusters that fit", Value: capacity.String()}}
	if err = errors.Join(err, s.Abandon()); err != nil {
		return err
	}
	if err := writeBench(s.Dir, result); err != nil {
		return err
	}
	return printBench(cmd, result, output, s.Dir)
}

func writeBench(dir string, r bench.Result) error {
	text, err := r.JSON()
	if err != nil {
		return err
	}
	plot, err := r.SVG()
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "cluster.json"), text, 0o644), os.WriteFile(filepath.Join(dir, "cluster.svg"), plot, 0o644))
}

func printBench(cmd *cobra.Command, r bench.Result, output, dir string) error {
	text := r.Table()
	if output == "json" {
		raw, err := r.JSON()
		if err != nil {
			return err
		}
		text = string(raw)
	}
	fmt.Fprintln(cmd.OutOrStdout(), text)
	fmt.Fprintf(cmd.ErrOrStderr(), "also in %s\n", dir)
	if !r.Complete() {
		return exitError{code: slo.ExitInfrastructure}
	}
	return nil
}
