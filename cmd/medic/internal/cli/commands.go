package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/cmd/medic/internal/heal"
	"github.com/nov30/nov30/cmd/medic/internal/observe"
)

// The bounds of watch's interval: the shorter ends in the cost of a command per node, the longer in the time to detect.
const (
	minInterval = 200 * time.Millisecond
	maxInterval = 2 * time.Second
)

func (a *App) watch() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Look at everything again and again and print findings as JSON lines, until a signal",
		Long: `watch looks every interval at every certificate on every node's disk, at the certificate that each of the ports 2379,
2380, 6443 and 10250 serves on a new connection, at /readyz and at the node leases. It prints one JSON object per finding:
severity, kind, culprit, node, evidence; root causes first; again when it changes and every 10 s.`,
		Example: `  medic watch
  medic watch --interval 500ms --context context.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval < minInterval || interval > maxInterval {
				return usage(fmt.Errorf("--interval %s is not between %s and %s", interval, minInterval, maxInterval))
			}
			s, err := a.session()
			if err != nil {
				return err
			}
			if err := a.observer(s).Watch(cmd.Context(), a.Out, interval); err != nil {
				return &exitError{exitFailed, err}
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two rounds, at most "+maxInterval.String())
	return cmd
}

func (a *App) diagnose() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Look once, for people; exit 1 when something critical was found, 2 when something could not be looked at",
		Example: `  medic diagnose
  medic diagnose -o json | jq '.findings[0].culprit'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "table" && output != "json" {
				return usage(fmt.Errorf("-o %s is neither table nor json", output))
			}
			s, err := a.session()
			if err != nil {
				return err
			}
			r, err := a.observer(s).Diagnose(cmd.Context())
			if err != nil {
				return interruptedOr(err)
			}
			if err := a.print(r, output); err != nil {
				return &exitError{exitFailed, err}
			}
			switch {
			case r.Critical():
				return &exitError{exitFailed, nil}
			case len(r.Blind) > 0:
				return &exitError{exitBlind, nil}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}

func (a *App) print(r observe.Report, output string) error {
	if output == "table" {
		return r.Print(a.Out)
	}
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (a *App) heal() *cobra.Command {
	var dryRun bool
	var config string
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "heal",
		Short: "Renew expired certificates of etcd and the apiserver and bring the control plane back",
		Long: `heal runs the steps R0 (back up), R3 (etcd's certificates), R4 (clear the kubelet's back-off, check etcd) and R5 (the
apiserver's certificates, /readyz). Every step has a precondition, an action and a check by a new connection. It exits 0
only when it has verified that the cluster is healthy. It can be run again at any time: what is done is not done twice.`,
		Example: `  medic heal --dry-run
  medic heal
  medic heal --kubeadm-config /root/kubeadm.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if within <= 0 {
				return usage(fmt.Errorf("--ready-within %s is not a time to wait", within))
			}
			s, err := a.session()
			if err != nil {
				return err
			}
			h := a.healer(s)
			h.DryRun, h.KubeadmConfig, h.ReadyWithin = dryRun, config, within
			return healed(h.Heal(cmd.Context()))
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan and change nothing")
	cmd.Flags().StringVar(&config, "kubeadm-config", "", "path on the nodes of kubeadm's configuration (default: kind's own if it exists, else none)")
	cmd.Flags().DurationVar(&within, "ready-within", heal.DefaultReadyWithin, "how long to wait for the API")
	return cmd
}

// healed turns the outcome into an exit code; heal has printed it already.
func healed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, heal.ErrInterrupted):
		return &exitError{exitInterrupted, nil}
	}
	return &exitError{exitFailed, nil}
}

func interruptedOr(err error) error {
	if errors.Is(err, context.Canceled) {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	return &exitError{exitFailed, err}
}
