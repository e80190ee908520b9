// Package look gathers what medic can see of a cluster: the certificates on every node's disk, the certificates its ports
// serve on a new connection, and the API. It judges nothing.
package look

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/target"
	"github.com/nov30/nov30/cmd/medic/internal/transport"
)

// How long one look may take. A look that ran into its time-out has failed.
const (
	filesTimeout     = 8 * time.Second
	handshakeTimeout = 1500 * time.Millisecond
	apiTimeout       = 5 * time.Second
)

// Patience is a budget within which every look of a round ends, if only by its time-out.
const Patience = 10 * time.Second

// Snapshot is what was known at the end of a round.
type Snapshot struct {
	Began time.Time  // of the round
	At    time.Time  // its end
	Nodes []NodeView // in the order of the context file
	API   Result[kubeapi.Status]
}

// NodeView is what was seen of one node.
type NodeView struct {
	Node  target.Node
	Files Result[[]inventory.File]
	Ports []PortView
}

// PortView is what one port served.
type PortView struct {
	Port  Port
	Chain Result[[]*x509.Certificate]
}

// Looker looks at a cluster in rounds.
type Looker struct {
	clock clockwork.Clock
	nodes []nodeSampler
	api   *sampler[kubeapi.Status]
}

type nodeSampler struct {
	node  target.Node
	files *sampler[[]inventory.File]
	ports []portSampler
}

type portSampler struct {
	port  Port
	chain *sampler[[]*x509.Certificate]
}

// New returns a Looker for the cluster t.
func New(t target.Target, tr transport.Transport, api *kubeapi.Client, dial kubeapi.Dial, clock clockwork.Clock) *Looker {
	l := &Looker{clock: clock, api: &sampler[kubeapi.Status]{clock: clock, timeout: apiTimeout, look: api.Look}}
	for _, n := range t.Nodes {
		l.nodes = append(l.nodes, newNodeSampler(n, tr, dial, clock))
	}
	return l
}

func newNodeSampler(n target.Node, tr transport.Transport, dial kubeapi.Dial, clock clockwork.Clock) nodeSampler {
	s := nodeSampler{node: n, files: &sampler[[]inventory.File]{
		clock: clock, timeout: filesTimeout,
		look: func(ctx context.Context) ([]inventory.File, error) { return Files(ctx, tr, n.Name) },
	}}
	for _, p := range portsOf(n.Role) {
		addr := Endpoint(n.Address, p)
		s.ports = append(s.ports, portSampler{p, &sampler[[]*x509.Certificate]{
			clock: clock, timeout: handshakeTimeout,
			look: func(ctx context.Context) ([]*x509.Certificate, error) { return Served(ctx, dial, addr) },
		}})
	}
	return s
}

func portsOf(r target.Role) []Port {
	if r == target.ControlPlane {
		return []Port{EtcdClient, EtcdPeer, APIServer, Kubelet}
	}
	return []Port{Kubelet}
}

// Files reads the certificates on a node's disk with one command.
func Files(ctx context.Context, tr transport.Transport, node string) ([]inventory.File, error) {
	out, err := tr.Exec(ctx, node, nil, inventory.Argv()...)
	if err != nil {
		return nil, err
	}
	return inventory.Parse(node, out)
}

// Round looks at everything at the same time and returns when all looks have ended, when the budget is used up, or when
// ctx ends. A look that is then still under way goes on, and its earlier outcome, if it has one, stands in the snapshot.
func (l *Looker) Round(ctx context.Context, budget time.Duration) Snapshot {
	began := l.clock.Now()
	var pending []<-chan struct{}
	pending = append(pending, l.api.start(ctx))
	for _, n := range l.nodes {
		pending = append(pending, n.files.start(ctx))
		for _, p := range n.ports {
			pending = append(pending, p.chain.start(ctx))
		}
	}
	over := l.clock.NewTimer(budget)
	defer over.Stop()
	for _, p := range pending {
		select {
		case <-p:
		case <-over.Chan():
			return l.snapshot(began)
		case <-ctx.Done():
			return l.snapshot(began)
		}
	}
	return l.snapshot(began)
}

func (l *Looker) snapshot(began time.Time) Snapshot {
	s := Snapshot{Began: began, At: l.clock.Now(), API: l.api.result()}
	for _, n := range l.nodes {
		v := NodeView{Node: n.node, Files: n.files.result()}
		for _, p := range n.ports {
			v.Ports = append(v.Ports, PortView{p.port, p.chain.result()})
		}
		s.Nodes = append(s.Nodes, v)
	}
	return s
}

// Complete tells whether every look that the snapshot shows began in its own round.
func (s Snapshot) Complete() bool {
	old := func(began time.Time) bool { return began.Before(s.Began) }
	for _, n := range s.Nodes {
		if old(n.Files.Began) {
			return false
		}
		for _, p := range n.Ports {
			if old(p.Chain.Began) {
				return false
			}
		}
	}
	return !old(s.API.Began)
}
