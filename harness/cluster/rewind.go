package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/journal/nodeop"
	"github.com/nov30/nov30/harness/nodeprogram"
	"github.com/nov30/nov30/harness/nodestate"
)

// Kept is a cluster's state as it was once, to which Rewind takes the cluster back. It holds the cluster's keys: it stays in
// memory, and String says nothing of it.
type Kept struct {
	cluster   string
	states    map[string][]byte // by node, as nodestate writes them
	addresses map[string]netip.Addr
}

func (s *Kept) String() string { return "state of " + s.cluster }

// Size is how many bytes of memory the state takes.
func (s *Kept) Size() int {
	n := 0
	for _, state := range s.states {
		n += len(state)
	}
	return n
}

// Keep keeps the state of a cluster in which nothing is broken. The control plane stands still meanwhile, for less than a
// second. The program must be on the nodes: nodeprogram.Program.With.
func (k *Kind) Keep(ctx context.Context) (*Kept, error) {
	s := &Kept{cluster: k.name, states: map[string][]byte{}, addresses: map[string]netip.Addr{}}
	results := make([][]byte, len(k.nodes))
	group, gctx := errgroup.WithContext(ctx)
	for i, n := range k.nodes {
		group.Go(func() (err error) {
			results[i], err = n.Exec(gctx, nil, nodeprogram.Path, "--node", n.Name(), "keep")
			if err == nil && len(results[i]) == 0 {
				return fmt.Errorf("%s: nov30-node keep printed nothing", n.Name())
			}
			return nodeop.WithoutOutput(err) // which holds keys
		})
	}
	err := group.Wait()
	for i, n := range k.nodes {
		s.states[n.Name()] = results[i]
		addr, addrErr := k.Address(ctx, n.Name())
		s.addresses[n.Name()], err = addr, errors.Join(err, addrErr)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the state of cluster %s: %w", k.name, err)
	}
	return s, nil
}

// Rewound is what a rewind found changed and put right, by node.
type Rewound map[string]nodestate.Report

// ErrMoved is a node that does not have the address any more under which the others know it.
var ErrMoved = errors.New("the node has another address than when the state was kept")

// rewindWithin limits Rewind up to the start of kubelet; it takes less than two seconds, or ten where a node was off.
const rewindWithin = 90 * time.Second

// Rewind takes the cluster back to the state that was kept: every pod and every process beside the units is thrown away;
// files, etcd's data, units, images, addresses, routes and the firewall become what they were; then kubelet is started, and
// the API answers. Pods run, and CoreDNS answers, some seconds later: proof.Same waits for the pods, an arm for CoreDNS and every
// probe. What the rewind cannot put back (kernel settings, limits of the engine) is for the proof to find. The program must be on
// the nodes.
func (k *Kind) Rewind(ctx context.Context, s *Kept) (Rewound, error) {
	if s.cluster != k.name {
		return nil, fmt.Errorf("cluster %s cannot be rewound to a %s", k.name, s)
	}
	k.Steps = nil
	var reports Rewound
	err := k.step("rewind: nodes", func() (err error) {
		reports, err = k.rewindNodes(ctx, s)
		return err
	})
	if err == nil {
		err = k.step("rewind: API", func() error { return k.awaitAPI(ctx) })
	}
	if err == nil {
		err = k.step("rewind: workers", func() error { return k.startWorkers(ctx) })
	}
	return reports, err
}

// startWorkers starts the kubelets that are not the control plane's: one that does not find the API asks ever more rarely.
func (k *Kind) startWorkers(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range k.nodes {
		if n.Role() != ControlPlane {
			group.Go(func() error {
				_, err := n.Exec(ctx, nil, "systemctl", "start", "kubelet.service")
				return err
			})
		}
	}
	return group.Wait()
}

// awaitAPI waits until the API server says that it is ready.
func (k *Kind) awaitAPI(ctx context.Context) error {
	client, err := k.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	return k.until(ctx, "API", func() error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (k *Kind) rewindNodes(ctx context.Context, s *Kept) (Rewound, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, rewindWithin, fmt.Errorf("not within %v", rewindWithin))
	defer cancel()
	results := make([]nodestate.Report, len(k.nodes))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range k.nodes {
		group.Go(func() (err error) {
			results[i], err = k.rewindNode(ctx, n, s)
			return err
		})
	}
	err := group.Wait()
	reports := Rewound{}
	for i, n := range k.nodes {
		reports[n.Name()] = results[i]
	}
	return reports, err
}

// rewindNode rewinds one node that is on.
func (k *Kind) rewindNode(ctx context.Context, n Node, s *Kept) (nodestate.Report, error) {
	var report nodestate.Report
	addr, err := k.Address(ctx, n.Name())
	if err == nil && addr != s.addresses[n.Name()] {
		err = fmt.Errorf("%s: %w: %s, not %s", n.Name(), ErrMoved, addr, s.addresses[n.Name()])
	}
	if err != nil {
		return report, err
	}
	out, err := n.Exec(ctx, bytes.NewReader(s.states[n.Name()]), nodeprogram.Path, "--node", n.Name(), "rewind")
	if err != nil {
		return report, nodeop.WithoutOutput(err)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return report, fmt.Errorf("%s: what nov30-node rewind printed: %w", n.Name(), err)
	}
	if err := k.fromImage(ctx, n, report.Lost); err != nil {
		return report, err
	}
	if len(report.Stale) > 0 { // after what was lost is back: a program among it may be theirs
		if _, err := n.Exec(ctx, nil, append([]string{"systemctl", "restart"}, report.Stale...)...); err != nil {
			return report, err
		}
	}
	if n.Role() == ControlPlane {
		_, err = n.Exec(ctx, nil, "systemctl", "start", "kubelet.service")
	}
	return report, err
}

// removeWithin limits the removal of the container that an image's files are taken from.
const removeWithin = 30 * time.Second

// fromImage puts files of the image back into a node: programs, mostly, which are too big to be kept.
func (k *Kind) fromImage(ctx context.Context, n Node, files []string) error {
	if len(files) == 0 {
		return nil
	}
	e := k.provider.Engine
	image, err := e.Run(ctx, nil, "inspect", "--format", "{{.Image}}", n.Name())
	if err != nil {
		return err
	}
	id, err := e.Run(ctx, nil, "create", "--network", k.Network(), "--label", labelKind+"="+k.name, strings.TrimSpace(string(image)))
	if err != nil {
		return err
	}
	source := strings.TrimSpace(string(id))
	defer func() { // where it cannot be removed it goes with the cluster, by its label
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
		defer cancel()
		_, _ = e.Run(cleanup, nil, "rm", "--force", "--volumes", source)
	}()
	for _, f := range files {
		archive, err := e.Run(ctx, nil, "cp", source+":"+f, "-")
		if err != nil {
			return fmt.Errorf("%s: %s was changed, and the image has none: %w", n.Name(), f, err)
		}
		if _, err := n.Exec(ctx, bytes.NewReader(archive), "tar", "-C", path.Dir(f), "--unlink-first", "-xpf", "-"); err != nil {
			return err
		}
	}
	return nil
}
