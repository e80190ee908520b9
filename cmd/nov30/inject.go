package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/experiment"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/scenarios"
)

func newInject() *cobra.Command {
	var kubeconfig, kubeContext string
	cmd := &cobra.Command{
		Use: "inject SCENARIO", Short: "Inject a scenario's faults into a kept cluster, to try a runbook by hand", Args: cobra.ExactArgs(1),
		Long: `Injects the faults of a scenario into a cluster that an earlier run kept (--keep always) and exits. Every change is in
the journal before it is made; nov30 sweep undoes them, and so does the start of the next run.

Only clusters that nov30 created are touched: any other kubeconfig or context is refused before any write.`,
		Example: "  nov30 inject etcd-certs-expired --kubeconfig out/latest/etcd-certs-expired/treated/kubeconfig\n  nov30 sweep",
		RunE: func(cmd *cobra.Command, args []string) error {
			if kubeconfig == "" {
				return usageError("--kubeconfig must name the kept cluster's kubeconfig")
			}
			i := slices.IndexFunc(scenarios.All(), func(s experiment.Scenario) bool { return s.Name == args[0] })
			if i < 0 {
				return usageError("there is no scenario %q; nov30 list shows them", args[0])
			}
			return inject(cmd, scenarios.All()[i], kubeconfig, kubeContext)
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the kept cluster (required)")
	cmd.Flags().StringVar(&kubeContext, "context", "", "context in it (default: its current one)")
	return cmd
}

func inject(cmd *cobra.Command, s experiment.Scenario, kubeconfig, kubeContext string) error {
	ctx := cmd.Context()
	m, err := findMachine(ctx)
	if err != nil {
		return err
	}
	k, err := m.provider(cmd).Open(ctx, kubeconfig, kubeContext)
	if errors.Is(err, cluster.ErrForeign) {
		return usageError("refused: %w", err)
	}
	if err != nil {
		return err
	}
	alive, err := m.Home.Alive(k.Run())
	if err != nil {
		return err
	}
	if alive {
		return usageError("refused: run %s is under way on this cluster; inject into one that was kept", k.Run())
	}
	j, err := beginJournal(k, m.Home, s.Name)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is injected into %s already; `nov30 sweep` undoes it", s.Name, k.Name())
	}
	if err != nil {
		return err
	}
	defer j.Close()
	for _, f := range s.Faults {
		if err := f.Inject(ctx, k, j); err != nil {
			return fmt.Errorf("%w; `nov30 sweep` undoes what was injected", err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "injected %s into %s\n", f, k.Name())
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nundo with: nov30 sweep\n", strings.TrimSpace(s.Story))
	return nil
}

func beginJournal(k *cluster.Kind, h experiment.Home, scenario string) (*journal.File, error) {
	id, err := k.Identity()
	if err != nil {
		return nil, err
	}
	return journal.Create(h.Journals(), journal.Meta{Run: id.Run, Scenario: scenario, Arm: "by-hand", Cluster: id.Cluster,
		CASHA256: id.CASHA256, APIServer: id.Server, Engine: k.Engine().String(), Created: clockwork.NewRealClock().Now().UTC()})
}
