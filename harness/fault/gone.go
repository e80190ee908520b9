package fault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/journal"
	"github.com/nov30/nov30/harness/journal/await"
	"github.com/nov30/nov30/harness/journal/nodeop"
)

// RemoveAPIServer takes the API server's manifest out of the first control-plane node's manifests, as operators and
// runbooks do to restart or to stop it, and forget to put it back. The API is down while every certificate is valid and
// etcd is well: a look-alike of what the night had.
type RemoveAPIServer struct {
	Clock clockwork.Clock // paces the waiting; nil means the real clock
}

// ErrStillRuns is a process that outlived its manifest.
var ErrStillRuns = errors.New("still runs although its manifest is gone")

const (
	apiServerManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	// stopsWithin is how long kubelet and the API server may take: the port is closed at once, but the process mostly uses up
	// its grace period of 30 s, because somebody is always watching.
	stopsWithin = 60 * time.Second
)

// String implements Fault.
func (f RemoveAPIServer) String() string { return "apiserver-gone" }

// Inject implements Fault. It ends when the API server's process is gone, and fails with ErrStillRuns when it stays.
func (f RemoveAPIServer) Inject(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	if err := f.remove(ctx, c, j); err != nil {
		return fmt.Errorf("%s: %w", f, err)
	}
	return nil
}

func (f RemoveAPIServer) remove(ctx context.Context, c cluster.Cluster, j journal.Journal) error {
	n, err := cluster.First(c, cluster.ControlPlane)
	if err != nil {
		return err
	}
	if _, err := processes(ctx, n, apiServer); err != nil {
		return fmt.Errorf("nothing was changed: %w", err) // its absence would prove nothing
	}
	before, err := present(ctx, n, apiServerManifest)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if err := (fileChange{before, nodeop.File{Path: before.Path, Absent: true}}).make(ctx, n, j); err != nil {
		return err
	}
	return await.Until(ctx, clockOr(f.Clock), 250*time.Millisecond, stopsWithin, func(ctx context.Context) error {
		pids, err := processes(ctx, n, apiServer)
		switch {
		case errors.Is(err, ErrNoProcess):
			return nil
		case err != nil:
			return err
		}
		return fmt.Errorf("%s: %s (process %v) %w", n.Name(), apiServer, pids, ErrStillRuns)
	})
}
