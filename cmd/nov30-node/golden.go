package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/nodestate"
)

func (a *app) goldenTake() *cobra.Command {
	return &cobra.Command{
		Use: "golden-take", Short: "Write what a golden start needs of this node to standard output, as JSON; it holds keys", Args: cobra.NoArgs,
		RunE: a.onState(func(ctx context.Context, n nodestate.Node) error {
			g, err := n.TakeGolden(ctx)
			if err != nil {
				return err
			}
			return json.NewEncoder(a.Out).Encode(g)
		}),
	}
}

func (a *app) goldenStart() *cobra.Command {
	return &cobra.Command{
		Use: "golden-start", Short: "Make this new node what standard input says, as JSON, start kubelet, and print as JSON where the time went", Args: cobra.NoArgs,
		RunE: a.onState(func(ctx context.Context, n nodestate.Node) error {
			report, err := n.StartGolden(ctx, a.In)
			return errors.Join(err, a.print(report))
		}),
	}
}
