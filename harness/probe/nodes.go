package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jonboulle/clockwork"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/nov30/nov30/harness/cluster"
)

// leaseMax is the age from which a node's lease is stale: kubelet's lease duration (nodeLeaseDurationSeconds, 40 s), which
// it renews every 10 s.
const leaseMax = 40 * time.Second

// Nodes looks at every node of the cluster: the API must list it, its Ready condition must be True, and kubelet must have
// renewed its lease less than 40 s ago. A missing node, a missing lease and an API that does not answer are red.
//
// The age of a lease is the time since the probe saw renewTime change, by the probe's own monotonic clock: the node
// lifecycle controller counts it the same way (pkg/controller/nodelifecycle, tryUpdateNodeHealth, probeTimestamp), since
// renewTime itself is what the node's clock says. Only for a change that the probe did not watch, because it is the first
// look or the API was gone, the difference of the API server's Date and renewTime counts where it is less than the time
// not watched.
type Nodes struct {
	clock  clockwork.Clock
	client client

	mu     sync.Mutex
	leases map[string]lease
}

// lease is what the probe knows of one node's lease.
type lease struct {
	renewed time.Time     // renewTime as the node wrote it
	age     time.Duration // of that renewal when it was first seen
	since   time.Time     // when it was first seen
	seen    time.Time     // when it was last read
}

// NewNodes makes the probe; ages are counted by clock.
func NewNodes(clock clockwork.Clock) *Nodes {
	return &Nodes{clock: clock, leases: map[string]lease{}}
}

func (*Nodes) String() string { return NameNodes }

// Check looks once. The error names every node that is not healthy, and why.
func (p *Nodes) Check(ctx context.Context, c cluster.Cluster) error {
	var nodes corev1.NodeList
	if _, err := p.client.do(ctx, c.Kubeconfig(), call{method: http.MethodGet, path: "/api/v1/nodes", want: http.StatusOK, out: &nodes}); err != nil {
		return err
	}
	var leases coordinationv1.LeaseList
	header, err := p.client.do(ctx, c.Kubeconfig(), call{
		method: http.MethodGet, path: "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
		want: http.StatusOK, out: &leases,
	})
	if err != nil {
		return err
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return fmt.Errorf("the API server's answer has no Date: %w", err)
	}
	ages := p.observe(leases.Items, date)
	var errs []error
	for _, name := range names(c.Nodes(), nodes.Items) {
		if err := healthy(name, nodes.Items, ages); err != nil {
			errs = append(errs, err)
		}
	}
	if len(c.Nodes()) == 0 {
		errs = append(errs, errors.New("the cluster has no nodes to look at"))
	}
	return errors.Join(errs...)
}

// names is every node that must be healthy: those that the cluster was made with, and whatever else the API lists.
func names(want []cluster.Node, listed []corev1.Node) []string {
	var out []string
	for _, n := range want {
		out = append(out, n.Name())
	}
	for _, n := range listed {
		out = append(out, n.Name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// healthy is nil for a listed, Ready node with a fresh lease.
func healthy(name string, listed []corev1.Node, ages map[string]time.Duration) error {
	i := slices.IndexFunc(listed, func(n corev1.Node) bool { return n.Name == name })
	if i < 0 {
		return fmt.Errorf("node %s is not in the API", name)
	}
	if err := isReady(&listed[i]); err != nil {
		return err
	}
	age, ok := ages[name]
	if !ok {
		return fmt.Errorf("node %s has no lease", name)
	}
	if age >= leaseMax {
		return fmt.Errorf("node %s: its lease was renewed %v ago", name, age.Round(time.Second))
	}
	return nil
}

func isReady(n *corev1.Node) error {
	for _, c := range n.Status.Conditions {
		if c.Type != corev1.NodeReady {
			continue
		}
		if c.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("node %s: Ready is %s: %s", n.Name, c.Status, strings.TrimSpace(c.Reason+" "+c.Message))
	}
	return fmt.Errorf("node %s has no Ready condition", n.Name)
}

// observe notes the leases just read and returns each one's age. A lease without renewTime has none.
func (p *Nodes) observe(read []coordinationv1.Lease, date time.Time) map[string]time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, ages := p.clock.Now(), map[string]time.Duration{}
	for _, l := range read {
		if l.Spec.RenewTime == nil {
			continue
		}
		known, ok := p.leases[l.Name]
		if !ok || !known.renewed.Equal(l.Spec.RenewTime.Time) {
			age := max(0, date.Sub(l.Spec.RenewTime.Time))
			if ok {
				age = min(age, now.Sub(known.seen))
			}
			known = lease{renewed: l.Spec.RenewTime.Time, age: age, since: now}
		}
		known.seen = now
		p.leases[l.Name] = known
		ages[l.Name] = known.age + now.Sub(known.since)
	}
	return ages
}
