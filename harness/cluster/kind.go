package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/engine"
)

// Prefix begins the name of every cluster that nov30 creates.
const Prefix = "nov30-"

// LabelRun is the engine label of the networks, containers and volumes of a run; its value is the run's id.
const LabelRun = "nov30.run"

// labelHome is the label of a cluster's network that carries Provider.Home.
const labelHome = "nov30.home"

// labelKind and labelRole are kind's own labels of a node's container.
const (
	labelKind = "io.x-k8s.kind.cluster"
	labelRole = "io.x-k8s.kind.role"
)

// Provider creates, opens and deletes clusters on one engine.
type Provider struct {
	Engine *engine.Engine
	Clock  clockwork.Clock
	// Home tells the clusters of this state directory from those of another one on the same engine.
	Home string
	// Progress is told what is going on, a line at a time. It may be nil.
	Progress func(line string)
}

// Options of a new cluster.
type Options struct {
	Name  string // begins with Prefix
	Run   string // the run's id
	Spec  Spec
	Image string // node image; its Kubernetes version is the cluster's
	Dir   string // the kubeconfig is written here; 0700
	// Plain makes the cluster as `kind create cluster --wait` does: what kind waits for is all that is waited for.
	Plain bool
	// Yielding makes the cluster leave the processor to others while it is being made, and until Yield(false).
	Yielding bool
}

// Kind is a cluster made by kind.
type Kind struct {
	provider   Provider
	name, run  string
	kubeconfig string
	nodes      []Node
	Steps      []StepTime // where the creation's time went
}

var _ Cluster = (*Kind)(nil)

// Name is the cluster's name.
func (k *Kind) Name() string { return k.name }

// Run is the id of the run the cluster belongs to.
func (k *Kind) Run() string { return k.run }

// Nodes are the cluster's nodes, the control plane first.
func (k *Kind) Nodes() []Node { return k.nodes }

// Kubeconfig is the path of the administrator's kubeconfig, for this machine.
func (k *Kind) Kubeconfig() string { return k.kubeconfig }

// Network is the name of the cluster's own network.
func (k *Kind) Network() string { return k.name }

// Engine is the engine the cluster runs on.
func (k *Kind) Engine() *engine.Engine { return k.provider.Engine }

// Address is the node's address on the cluster's network. It may change when the node is restarted.
func (k *Kind) Address(ctx context.Context, node string) (netip.Addr, error) {
	if _, err := Find(k, node); err != nil {
		return netip.Addr{}, err
	}
	text, err := k.addressText(ctx, node)
	if err != nil {
		return netip.Addr{}, err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("node %s has no address on network %s: is it running?", node, k.Network())
	}
	return addr, nil
}

// addressText is empty for a node that is off. A container that is not on the cluster's network is an error: the template
// has nothing to take an address of.
func (k *Kind) addressText(ctx context.Context, node string) (string, error) {
	out, err := k.provider.Engine.Run(ctx, nil, "inspect", "--format",
		fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", k.Network()), node)
	return strings.TrimSpace(string(out)), err
}

// StopNode powers a node off the clean way; systemd in it gets 20 s.
func (k *Kind) StopNode(ctx context.Context, node string) error {
	if _, err := Find(k, node); err != nil {
		return err
	}
	_, err := k.provider.Engine.Run(ctx, nil, "stop", "--time", "20", node)
	return err
}

// StartNode powers a node on; it does not wait for its services.
func (k *Kind) StartNode(ctx context.Context, node string) error {
	if _, err := Find(k, node); err != nil {
		return err
	}
	_, err := k.provider.Engine.Run(ctx, nil, "start", node)
	return err
}

// ClearBackOff restarts kubelet on every node: what crashed while a fault was in place is started again at once, where
// kubelet would wait up to five minutes. It is for a cluster whose faults have been reverted.
func (k *Kind) ClearBackOff(ctx context.Context) error {
	errs := make([]error, len(k.nodes))
	var group sync.WaitGroup
	for i, n := range k.nodes {
		group.Go(func() { _, errs[i] = n.Exec(ctx, nil, "systemctl", "restart", "kubelet") })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Create makes a cluster and proves it ready. When it fails, and when ctx ends, nothing is left behind except the logs
// of a failed node, whose directory the error names.
func (p Provider) Create(ctx context.Context, o Options) (*Kind, error) {
	if !strings.HasPrefix(o.Name, Prefix) {
		return nil, fmt.Errorf("cluster name %q does not begin with %s", o.Name, Prefix)
	}
	k := &Kind{provider: p, name: o.Name, run: o.Run, kubeconfig: filepath.Join(o.Dir, "kubeconfig")}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	err := k.yieldingly(ctx, o.Yielding, func() error { return k.create(ctx, o) })
	if err == nil {
		return k, nil
	}
	if ctx.Err() == nil { // a failure worth reading about
		err = k.withLogs(ctx, o, err)
	}
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), deleteWithin)
	defer cancel()
	if rmErr := os.Remove(k.kubeconfig); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) { // it holds a key to nothing
		err = errors.Join(err, rmErr)
	}
	return nil, errors.Join(err, k.Delete(cleanup))
}

// The clean-up of a cluster that was not made has these limits. Nodes that hang cannot take the deletion's time.
const (
	logsWithin   = 45 * time.Second
	deleteWithin = 2 * time.Minute
)

// withLogs collects the nodes' logs and adds to the error where they are, if any could be had.
func (k *Kind) withLogs(ctx context.Context, o Options, failed error) error {
	ctx, cancel := context.WithTimeout(ctx, logsWithin)
	defer cancel()
	if k.nodes == nil {
		k.nodes, _ = k.provider.nodes(ctx, k.name)
	}
	logs := filepath.Join(o.Dir, "logs")
	err := k.Logs(ctx, logs)
	if _, none := os.Stat(logs); none != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("%w; the nodes' logs, not all of them, are in %s", failed, logs)
	}
	return fmt.Errorf("%w; the nodes' logs are in %s", failed, logs)
}

func (k *Kind) create(ctx context.Context, o Options) error {
	if err := k.step("network", func() error { return k.createNetwork(ctx) }); err != nil {
		return err
	}
	if err := k.step("kind", func() error { return k.createKind(ctx, o) }); err != nil {
		return err
	}
	nodes, err := k.provider.nodes(ctx, k.name)
	if err != nil {
		return err
	}
	k.nodes = nodes
	if want := 1 + o.Spec.workers(); len(nodes) != want {
		return fmt.Errorf("cluster %s has %d nodes instead of %d", k.name, len(nodes), want)
	}
	if o.Plain {
		return nil
	}
	return k.step("ready", func() error { return k.Ready(ctx) })
}

func (s Spec) workers() int {
	if s.Workers == 0 {
		return 1
	}
	return s.Workers
}

func (k *Kind) step(name string, do func() error) error {
	start := k.provider.Clock.Now()
	err := do()
	k.Steps = append(k.Steps, StepTime{Step: name, Took: k.provider.Clock.Since(start)})
	if err != nil {
		return fmt.Errorf("cluster %s: %s: %w", k.name, name, err)
	}
	return nil
}

func (p Provider) say(format string, args ...any) {
	if p.Progress != nil {
		p.Progress(fmt.Sprintf(format, args...))
	}
}
