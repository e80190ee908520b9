// Package cli is medic's command line.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"github.com/nov30/nov30/cmd/medic/internal/heal"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/observe"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1
	exitBlind       = 2
	exitUsage       = 64
	exitInterrupted = 130
)

// exitError ends the program with a code; its text, if any, goes to standard error.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(err error) error { return &exitError{exitUsage, err} }

// App is the program with what it takes from the outside.
type App struct {
	Out, Err  io.Writer
	Getenv    func(string) string
	Clock     clockwork.Clock
	Dial      kubeapi.Dial
	Transport func(target.Target) transport.Transport

	contextFile string
}

// New returns the program as it runs on a bastion.
func New(out, errs io.Writer, getenv func(string) string) *App {
	return &App{
		Out: out, Err: errs, Getenv: getenv, Clock: clockwork.NewRealClock(), Dial: new(net.Dialer).DialContext,
		Transport: func(t target.Target) transport.Transport { return transport.NewContainer(t) },
	}
}

// Run runs the command line and returns the exit code. When ctx ends, watch ends well and heal stops between two steps.
func (a *App) Run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitUsage, err} // cobra's own: an unknown command or flag
	}
	if text := exit.Error(); text != "" {
		fmt.Fprintln(a.Err, "medic:", text)
	}
	return exit.code
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "medic",
		Short: "Finds and repairs expired certificates of a kubeadm cluster, from outside of it",
		Long: `medic runs on a bastion host. It finds a cluster's invalid certificates on the nodes' disks and on the wire, by a new
connection for every look, and repairs etcd's and the apiserver's with kubeadm. It needs no working Kubernetes API.

The context file, named by --context or NOV30_CONTEXT, says which cluster: its kubeconfig, its nodes with role, container
and address, and the container engine.`,
		Example: `  medic diagnose --context context.json
  NOV30_CONTEXT=context.json medic watch
  medic heal --dry-run --context context.json`,
		Args:          cobra.NoArgs,
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(errors.New("name a command: watch, diagnose or heal (medic --help)"))
		},
	}
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.PersistentFlags().StringVar(&a.contextFile, "context", "", "path of the context file (default $"+target.EnvContext+")")
	root.AddCommand(a.watch(), a.diagnose(), a.heal())
	return root
}

// session is what every command works with.
type session struct {
	target    target.Target
	transport transport.Transport
	api       *kubeapi.Client
	look      *look.Looker
}

func (a *App) session() (*session, error) {
	path := a.contextFile
	if path == "" {
		path = a.Getenv(target.EnvContext)
	}
	t, err := target.Load(path)
	if err != nil {
		return nil, usage(err)
	}
	s := &session{target: t, transport: a.Transport(t)}
	s.api = &kubeapi.Client{Path: t.Kubeconfig, Dial: a.Dial, Clock: a.Clock}
	s.look = look.New(t, s.transport, s.api, a.Dial, a.Clock)
	return s, nil
}

func (a *App) observer(s *session) *observe.Observer {
	return &observe.Observer{Look: s.look, Clock: a.Clock, Log: slog.New(slog.NewTextHandler(a.Err, nil))}
}

func (a *App) healer(s *session) *heal.Healer {
	return &heal.Healer{Target: s.target, Transport: s.transport, Look: s.look, API: s.api, Dial: a.Dial, Clock: a.Clock, Out: a.Out}
}
