// Package node is what faults, their inverses and probes know of a running cluster: its machines, reached without the
// Kubernetes API. It imports nothing of kind's, so that a program in a node can use what is built on it.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

// Role is what a node does in its cluster, in kind's words.
type Role string

// The two roles of kind's nodes that run Kubernetes.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// Node is one machine of a cluster, reached without the Kubernetes API.
type Node interface {
	Name() string
	Role() Role
	// Exec runs argv in the node as root and returns its standard output. A command that could not be started or
	// exits non-zero gives an *ExecError with both streams.
	Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error)
}

// Cluster is what faults, probes and tools may know of a running cluster.
type Cluster interface {
	Name() string
	Nodes() []Node
	// Kubeconfig is the path of the cluster's own kubeconfig; it lies in the run's directory, never in ~/.kube.
	Kubeconfig() string
	// Address is the node's address on the cluster's network.
	Address(ctx context.Context, node string) (netip.Addr, error)
	// StopNode powers a node off, StartNode powers it on again. Both do nothing when the node is already so.
	StopNode(ctx context.Context, node string) error
	StartNode(ctx context.Context, node string) error
}

// ExecError is a command in a node that failed.
type ExecError struct {
	Node           string
	Argv           []string
	Stdout, Stderr []byte
	Err            error
}

func (e *ExecError) Error() string {
	out := strings.TrimSpace(string(e.Stderr))
	if out == "" {
		out = strings.TrimSpace(string(e.Stdout))
	}
	if len(out) > 600 {
		out = "…" + out[len(out)-600:]
	}
	return fmt.Sprintf("%s: %s: %v: %s", e.Node, strings.Join(e.Argv, " "), e.Err, out)
}

func (e *ExecError) Unwrap() error { return e.Err }

// ErrNoNode is returned for a node name that the cluster does not have.
var ErrNoNode = errors.New("no such node")

// First returns the first node of a role.
func First(c Cluster, r Role) (Node, error) {
	for _, n := range c.Nodes() {
		if n.Role() == r {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cluster %s: %w with role %s", c.Name(), ErrNoNode, r)
}

// Find returns the node of that name.
func Find(c Cluster, name string) (Node, error) {
	var have []string
	for _, n := range c.Nodes() {
		if n.Name() == name {
			return n, nil
		}
		have = append(have, n.Name())
	}
	return nil, fmt.Errorf("cluster %s: %w: %q (it has %s)", c.Name(), ErrNoNode, name, strings.Join(have, ", "))
}
