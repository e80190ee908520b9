package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/nodestate"
)

func (a *app) keep() *cobra.Command {
	return &cobra.Command{
		Use: "keep", Short: "Write the node's state to standard output; it holds keys", Args: cobra.NoArgs,
		RunE: a.onState(func(ctx context.Context, n nodestate.Node) error { return n.Keep(ctx, a.Out) }),
	}
}

func (a *app) rewind() *cobra.Command {
	return &cobra.Command{
		Use: "rewind", Short: "Put the node back to the state on standard input, up to the start of kubelet, and print as JSON what was changed", Args: cobra.NoArgs,
		RunE: a.onState(func(ctx context.Context, n nodestate.Node) error {
			report, err := n.Rewind(ctx, a.In)
			return errors.Join(err, a.print(report))
		}),
	}
}

func (a *app) facts() *cobra.Command {
	return &cobra.Command{
		Use: "facts", Short: "Print as JSON what this node is like: processes, mounts, files, network, certificates served", Args: cobra.NoArgs,
		RunE: a.onState(func(ctx context.Context, n nodestate.Node) error {
			facts, err := n.Facts(ctx)
			if err != nil {
				return err
			}
			return a.print(facts)
		}),
	}
}

// onState gives a command this node's state. Every error is a failure.
func (a *app) onState(do func(context.Context, nodestate.Node) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		name, err := a.name()
		if err == nil {
			err = do(cmd.Context(), nodestate.Node{Name: name, Root: "/", Clock: a.Clock})
		}
		if err != nil {
			return coded{exitFailed, err}
		}
		return nil
	}
}
