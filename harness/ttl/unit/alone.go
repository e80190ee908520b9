package unit

import (
	"context"
	"errors"
	"net/netip"

	"github.com/nov30/nov30/harness/node"
)

// alone is a cluster as seen from inside one of its nodes when everything outside has died: it has that node.
type alone struct {
	name string
	node node.Node
}

var errAlone = errors.New("cannot be done from inside a node")

func (a alone) Name() string       { return a.name }
func (a alone) Nodes() []node.Node { return []node.Node{a.node} }
func (a alone) Kubeconfig() string { return "" }

func (a alone) Address(context.Context, string) (netip.Addr, error) { return netip.Addr{}, errAlone }
func (a alone) StopNode(context.Context, string) error              { return errAlone }
func (a alone) StartNode(context.Context, string) error             { return errAlone }
