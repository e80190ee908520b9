package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrForeign is returned for a cluster that nov30 did not create. Nothing has been written to it.
var ErrForeign = errors.New("nov30 touches only clusters that it created")

// ErrGone is returned for a cluster that no longer exists.
var ErrGone = errors.New("the cluster no longer exists")

// Open opens an existing cluster of nov30's by a kubeconfig and its current context, which kubeContext may name. Anything
// that this state directory's nov30 did not create is refused with ErrForeign before any write: the kubeconfig must say
// what kind writes and no more, and the context's name, a server on loopback, the labels on the network of all nodes, the
// published port and the CA on the control plane must agree.
func (p Provider) Open(ctx context.Context, kubeconfig, kubeContext string) (*Kind, error) {
	config, err := load(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	if kubeContext == "" {
		kubeContext = config.CurrentContext
	}
	id, err := identity(config, kubeContext)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %.200q: %w: %w", kubeconfig, kubeContext, ErrForeign, err)
	}
	k := &Kind{provider: p, name: id.Cluster, kubeconfig: kubeconfig}
	if err = k.belongs(ctx, id); err == nil {
		err = k.matches(ctx, id)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s, context %q: %w: %w", kubeconfig, kubeContext, ErrForeign, err)
	}
	return k, nil
}

// OpenIdentity opens a cluster of nov30's by what a journal says of it. A cluster that is gone is ErrGone. The Kind it
// returns has no kubeconfig. A control plane that was stopped is started, once the labels have proven it to be the run's.
func (p Provider) OpenIdentity(ctx context.Context, id Identity) (*Kind, error) {
	all, err := p.Leftovers(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(l Leftover) bool { return l.Name == id.Cluster }) {
		return nil, fmt.Errorf("cluster %s: %w", id.Cluster, ErrGone)
	}
	k := &Kind{provider: p, name: id.Cluster}
	if err := k.belongs(ctx, id); err != nil {
		return nil, fmt.Errorf("cluster %s: %w: %w", id.Cluster, ErrForeign, err)
	}
	// A node that was stopped by the fault can neither be asked for its address nor for its CA until it runs again.
	if master, err := First(k, ControlPlane); err != nil {
		return nil, err
	} else if err := k.StartNode(ctx, master.Name()); err != nil {
		return nil, err
	}
	if err := k.matches(ctx, id); err != nil {
		return nil, fmt.Errorf("cluster %s: %w: %w", id.Cluster, ErrForeign, err)
	}
	return k, nil
}

// Identity reads what the cluster's kubeconfig says it is.
func (k *Kind) Identity() (Identity, error) {
	config, err := load(k.kubeconfig)
	if err != nil {
		return Identity{}, fmt.Errorf("kubeconfig %s: %w", k.kubeconfig, err)
	}
	id, err := identity(config, "kind-"+k.name)
	id.Run = k.run
	return id, err
}

// belongs holds the identity against the labels of the cluster's network and finds the nodes, reading only. Nodes may be
// stopped. An identity without a run, as a kubeconfig has it, takes the network's.
func (k *Kind) belongs(ctx context.Context, id Identity) error {
	e := k.provider.Engine
	labels, err := e.Run(ctx, nil, "network", "inspect", "--format", `{{index .Labels "`+LabelRun+`"}} {{index .Labels "`+labelHome+`"}}`, k.Network())
	if err != nil {
		return err
	}
	run, home, _ := strings.Cut(strings.TrimSuffix(string(labels), "\n"), " ")
	if k.run = run; run == "" {
		return fmt.Errorf("network %s does not carry the label %s", k.Network(), LabelRun)
	}
	if home == "" || home != k.provider.Home {
		return fmt.Errorf("network %s does not carry the label %s of this state directory (%q, not %q)", k.Network(), labelHome, home, k.provider.Home)
	}
	if id.Run != "" && id.Run != run {
		return fmt.Errorf("network %s is of run %s, not %s", k.Network(), run, id.Run)
	}
	if k.nodes, err = k.provider.nodes(ctx, k.name); err != nil {
		return err
	}
	if _, err := First(k, ControlPlane); err != nil {
		return err
	}
	for _, n := range k.nodes { // kind's label alone, which anybody can put on a container, makes none
		if _, err := k.addressText(ctx, n.Name()); err != nil {
			return err
		}
	}
	return nil
}

// matches holds the identity against the running control plane, reading only.
func (k *Kind) matches(ctx context.Context, id Identity) error {
	master, err := First(k, ControlPlane)
	if err != nil {
		return err
	}
	if _, err := k.Address(ctx, master.Name()); err != nil {
		return err
	}
	port, err := k.provider.Engine.Run(ctx, nil, "port", master.Name(), "6443/tcp")
	if err != nil {
		return err
	}
	if published := "https://" + strings.TrimSpace(string(port)); published != id.Server {
		return fmt.Errorf("the control plane serves %s, the kubeconfig names %s", published, id.Server)
	}
	ca, err := master.Exec(ctx, nil, "cat", "/etc/kubernetes/pki/ca.crt")
	if err != nil {
		return err
	}
	got, err := caSum(ca)
	if err != nil {
		return fmt.Errorf("the CA on the control plane: %w", err)
	}
	if got != id.CASHA256 {
		return fmt.Errorf("the CA on the control plane (sha256 %.12s…) is not the kubeconfig's (%.12s…)", got, id.CASHA256)
	}
	return nil
}
