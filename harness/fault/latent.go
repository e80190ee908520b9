package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// ErrNoProcess is a process that should have been there to kill.
var ErrNoProcess = errors.New("no such process")

// endLatentPhase makes everything that lives on old connections to etcd reconnect: the connections are cut, and the API
// server, which would try again for minutes, is killed inside the node. With etcd's certificates expired it never comes
// back: `Error creating leases: error creating storage factory: context deadline exceeded`.
func endLatentPhase(ctx context.Context, clock clockwork.Clock, n cluster.Node) error {
	apiservers, err := processes(ctx, n, apiServer)
	if err != nil {
		return err
	}
	found, err := cutPorts(ctx, n, "", etcdClientPort, etcdPeerPort)
	if err != nil {
		return err
	}
	if found == 0 {
		return fmt.Errorf("%s: %w on ports %s, %s", n.Name(), ErrNothingCut, etcdClientPort, etcdPeerPort)
	}
	return kill(ctx, clock, n, apiServer, apiservers)
}

// findScript prints no process as nothing, where pgrep exits 1; any other failure stays one.
const findScript = `pgrep -f "$1" || [ $? -eq 1 ]`

// processes lists the ids of the processes of a program; none is ErrNoProcess. The containers' processes are visible in
// the node's PID namespace, and nothing outside of it is.
func processes(ctx context.Context, n cluster.Node, program string) ([]string, error) {
	out, err := nodeop.Script(ctx, n, nil, "find processes", findScript, nodeop.CommandLine(program))
	if err != nil {
		return nil, err
	}
	found := strings.Fields(string(out))
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: %w: %s", n.Name(), ErrNoProcess, program)
	}
	return found, nil
}

const killScript = `kill -KILL "$@"`

// kill ends those processes of a program with SIGKILL and waits until they are gone.
func kill(ctx context.Context, clock clockwork.Clock, n cluster.Node, program string, victims []string) error {
	_, killErr := nodeop.Script(ctx, n, nil, "kill", killScript, victims...) // fails too when one ended by itself
	err := await.Until(ctx, clock, 100*time.Millisecond, 5*time.Second, func(ctx context.Context) error {
		alive, err := processes(ctx, n, program)
		if err != nil && !errors.Is(err, ErrNoProcess) {
			return err
		}
		for _, pid := range victims {
			if slices.Contains(alive, pid) {
				return fmt.Errorf("%s: process %s (%s) outlived SIGKILL", n.Name(), pid, program)
			}
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, killErr)
	}
	return nil
}
