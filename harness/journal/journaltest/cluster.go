// Package journaltest is a cluster for tests whose nodes are directories of the host: commands of coreutils run for
// real inside them, everything else is answered by the test.
package journaltest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/nov30/nov30/harness/node"
)

// Cluster is a cluster of directory nodes. A test sets its fields before use.
type Cluster struct {
	Directories []*Node
	// StopFails and StartFails are returned by StopNode and StartNode; the node stays as it is.
	StopFails, StartFails error
	// StopLies makes StopNode do nothing and return nil.
	StopLies bool
	boots    int
}

// Name of every Cluster.
const Name = "nov30-test"

// New makes a cluster of running nodes: the given roles in order, named nov30-test-ROLE.
func New(t testing.TB, roles ...node.Role) *Cluster {
	c := &Cluster{}
	for _, r := range roles {
		c.Directories = append(c.Directories, newNode(t, Name+"-"+string(r), r))
	}
	for _, n := range c.Directories {
		c.boot(n)
	}
	return c
}

// Name implements node.Cluster.
func (c *Cluster) Name() string { return Name }

// Nodes implements node.Cluster.
func (c *Cluster) Nodes() []node.Node {
	nodes := make([]node.Node, 0, len(c.Directories))
	for _, n := range c.Directories {
		nodes = append(nodes, n)
	}
	return nodes
}

// Kubeconfig implements node.Cluster; there is none.
func (c *Cluster) Kubeconfig() string { return "" }

// Address implements node.Cluster with addresses of the documentation range.
func (c *Cluster) Address(_ context.Context, name string) (netip.Addr, error) {
	i := slices.IndexFunc(c.Directories, func(n *Node) bool { return n.name == name })
	if i < 0 {
		return netip.Addr{}, fmt.Errorf("%w: %s", node.ErrNoNode, name)
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), nil
}

// StopNode implements node.Cluster.
func (c *Cluster) StopNode(_ context.Context, name string) error {
	n, err := c.find(name)
	if err != nil || c.StopFails != nil {
		return firstError(err, c.StopFails)
	}
	if !c.StopLies {
		n.Running = false
	}
	return nil
}

// StartNode implements node.Cluster.
func (c *Cluster) StartNode(_ context.Context, name string) error {
	n, err := c.find(name)
	if err != nil || c.StartFails != nil {
		return firstError(err, c.StartFails)
	}
	if !n.Running {
		c.boot(n)
	}
	return nil
}

// boot starts process 1 of the node anew.
func (c *Cluster) boot(n *Node) {
	c.boots++
	n.Running = true
	stat := fmt.Sprintf(statFormat, 1000+c.boots)
	n.Put("/proc/1/stat", []byte(stat), 0o444)
}

func (c *Cluster) find(name string) (*Node, error) {
	for _, n := range c.Directories {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", node.ErrNoNode, name)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
