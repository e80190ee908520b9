// Package target reads the context file, which names the cluster that medic works on.
package target

import (
	"net/netip"
	"time"
)

// Role is what a node does in its cluster.
type Role string

// The roles a context file can give a node.
const (
	ControlPlane Role = "control-plane"
	Worker       Role = "worker"
)

// Node is one machine of the cluster.
type Node struct {
	Name      string
	Role      Role
	Container string     // how the container transport reaches it; no other package may look at this
	Address   netip.Addr // where etcd, the apiserver and the kubelet listen, as seen from the bastion
}

// Engine is the container engine that the container transport runs.
type Engine struct {
	Command string // docker or podman, or the path of one
	Host    string // value of DOCKER_HOST or CONTAINER_HOST; empty means the command's own default
}

// Target is a cluster as the context file describes it.
type Target struct {
	Cluster    string
	Kubeconfig string // path on the bastion
	Nodes      []Node // in the file's order; at least one is a control plane
	SiteURL    string
	Deadline   time.Time // zero: none
	Engine     Engine
}

// ControlPlanes returns the control-plane nodes in the file's order.
func (t Target) ControlPlanes() []Node {
	var out []Node
	for _, n := range t.Nodes {
		if n.Role == ControlPlane {
			out = append(out, n)
		}
	}
	return out
}
