package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// quietWithin is how long commands that somebody began in the nodes may go on before they are no longer waited for.
const quietWithin = 10 * time.Second

// BusyError names the nodes in which commands still run.
type BusyError struct{ Nodes []string }

func (e *BusyError) Error() string {
	return fmt.Sprintf("commands still run in %s", strings.Join(e.Nodes, ", "))
}

// AwaitQuiet waits until no command runs in the nodes that was begun through the engine, for at most 10 s. A harness that was
// killed leaves behind the command that it was just running, which goes on without it: what is put right before that has
// ended would be undone by it. A shell that somebody has open in a node outlasts the wait: *BusyError, and what is
// done next is for the caller to say.
func (k *Kind) AwaitQuiet(ctx context.Context) error {
	deadline := k.provider.Clock.Now().Add(quietWithin)
	for {
		busy, err := k.busy(ctx)
		if err != nil || len(busy) == 0 {
			return err
		}
		if k.provider.Clock.Now().After(deadline) {
			return &BusyError{Nodes: busy}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-k.provider.Clock.After(100 * time.Millisecond):
		}
	}
}

// busy names the nodes in which the engine runs a command.
func (k *Kind) busy(ctx context.Context) ([]string, error) {
	var busy []string
	for _, n := range k.nodes {
		out, err := k.provider.Engine.Run(ctx, nil, "inspect", "--format", "{{len .ExecIDs}}", n.Name())
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(out)) != "0" {
			busy = append(busy, n.Name())
		}
	}
	return busy, nil
}
