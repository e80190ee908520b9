// Package cluster makes, opens and deletes the kind clusters that nov30 breaks. It is the only importer of kind.
package cluster

import (
	"time"

	"github.com/nov30/nov30/harness/node"
)

// What a cluster is to those who only use one is defined in package node.
type (
	// Role is what a node does in its cluster.
	Role = node.Role
	// Node is one machine of a cluster.
	Node = node.Node
	// Cluster is what faults, probes and tools may know of a running cluster.
	Cluster = node.Cluster
	// ExecError is a command in a node that failed.
	ExecError = node.ExecError
)

// The two roles of kind's nodes that run Kubernetes.
const (
	ControlPlane = node.ControlPlane
	Worker       = node.Worker
)

// ErrNoNode is returned for a node name that the cluster does not have.
var ErrNoNode = node.ErrNoNode

// First returns the first node of a role.
func First(c Cluster, r Role) (Node, error) { return node.First(c, r) }

// Find returns the node of that name.
func Find(c Cluster, name string) (Node, error) { return node.Find(c, name) }

// Spec is the shape of a cluster.
type Spec struct {
	Workers    int    // worker nodes beside the one control plane; 0 means 1
	Kubernetes string // version such as v1.34.4; empty means nodeimage.DefaultKubernetes
}

// StepTime is how long one named part of the creation took; the steps are contiguous.
type StepTime struct {
	Step string        `json:"step"`
	Took time.Duration `json:"took_ns"`
}
