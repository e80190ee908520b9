package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/ttl/unit"
)

// The exit codes, nov30's own.
const (
	exitOK         = 0
	exitFailed     = 3
	exitIncomplete = 4
	exitUsage      = 64
)

// app is the program with what it takes from the outside.
type app struct {
	In       io.Reader
	Out, Err io.Writer
	Hostname func() (string, error)
	Clock    clockwork.Clock
	Unit     func(node string) unit.Unit // the time limit of the node of that name, which is this one

	node string
}

// coded is an error of a command, with the exit code. Errors without one are cobra's own, about the arguments.
type coded struct {
	code int
	err  error
}

func (e coded) Error() string { return e.err.Error() }
func (e coded) Unwrap() error { return e.err }

// run runs the command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(a.Err, "nov30-node:", err)
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return exitUsage
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "nov30-node",
		Short: "Undo nov30's changes to this node when their time limit is over",
		Long: `nov30-node runs inside the nodes of clusters that nov30 made. Exit codes: 0 done, 3 failed, 4 a revert is incomplete,
64 usage.`,
		Example:      "  nov30-node status",
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.PersistentFlags().StringVar(&a.node, "node", "", "this node's name in the cluster (default: the host name)")
	root.AddCommand(a.append(), a.revert(), a.status(), a.keep(), a.rewind(), a.facts(), a.goldenTake(), a.goldenStart())
	return root
}

func (a *app) append() *cobra.Command {
	return &cobra.Command{
		Use: "ttl-append", Short: "Put one inverse (JSON on standard input) into this node's journal", Args: cobra.NoArgs,
		RunE: a.on(func(ctx context.Context, u unit.Unit) error {
			q, receipt, err := unit.ReadRequest(a.In)
			if err != nil {
				return coded{exitUsage, err}
			}
			if err := u.Append(ctx, q); err != nil {
				return err
			}
			return a.print(receipt)
		}),
	}
}

func (a *app) revert() *cobra.Command {
	return &cobra.Command{
		Use: "revert", Short: "Apply this node's journal and leave the mark that the limit has fired; the timer runs this", Args: cobra.NoArgs,
		RunE: a.on(func(ctx context.Context, u unit.Unit) error {
			signal.Ignore(syscall.SIGTERM) // a revert is short, and half of one helps nobody
			defer signal.Reset(syscall.SIGTERM)
			err := u.Revert(ctx, func(i journal.Inverse, err error) {
				if err == nil {
					fmt.Fprintf(a.Out, "%s: done and verified\n", i)
				}
			})
			if err != nil {
				return coded{exitIncomplete, err}
			}
			return nil
		}),
	}
}

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Print as JSON whether the limit is armed, when it fires, whether it fired, and what is pending", Args: cobra.NoArgs,
		RunE: a.on(func(ctx context.Context, u unit.Unit) error {
			s, err := u.Status(ctx)
			if err != nil {
				return err
			}
			return a.print(s)
		}),
	}
}

// on gives a command the time limit of this node. An error without a code of its own is a failure.
func (a *app) on(do func(context.Context, unit.Unit) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		name, err := a.name()
		if err != nil {
			return coded{exitFailed, err}
		}
		err = do(cmd.Context(), a.Unit(name))
		var c coded
		if err != nil && !errors.As(err, &c) {
			err = coded{exitFailed, err}
		}
		return err
	}
}

// name is this node's name in the cluster.
func (a *app) name() (string, error) {
	if a.node != "" {
		return a.node, nil
	}
	return a.Hostname()
}

func (a *app) print(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, string(text))
	return err
}
