package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
)

// createNodes has kind make the nodes exactly as it makes a cluster's, with kubeadm's configuration in them, and stop before it
// runs kubeadm. As with createKind the containers are removed under it when ctx ends.
func (k *Kind) createNodes(ctx context.Context, o Options) error {
	done := make(chan error, 1)
	go func() {
		done <- k.provider.withKind(k.Network(), func(kind *cluster.Provider) error {
			return kind.Create(k.name,
				cluster.CreateWithV1Alpha4Config(k.config(o.Spec)),
				cluster.CreateWithNodeImage(o.Image),
				cluster.CreateWithRetain(true),
				cluster.CreateWithStopBeforeSettingUpKubernetes(true),
				cluster.CreateWithDisplayUsage(false),
				cluster.CreateWithDisplaySalutation(false))
		})
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	for {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		err := k.provider.removeContainers(cleanup, "label="+labelKind+"="+k.name)
		cancel()
		select {
		case <-done:
			return errors.Join(context.Cause(ctx), err)
		case <-k.provider.Clock.After(500 * time.Millisecond):
		}
	}
}

// awaitNodes waits until as many nodes run and have an address. They may be booting still.
func (k *Kind) awaitNodes(ctx context.Context, want int) error {
	return k.until(ctx, "nodes", func() error {
		nodes, err := k.provider.nodes(ctx, k.name)
		if err == nil && len(nodes) != want {
			err = fmt.Errorf("cluster %s has %d nodes instead of %d", k.name, len(nodes), want)
		}
		if err != nil {
			return err
		}
		k.nodes = nodes
		for _, n := range nodes {
			if _, err := k.Address(ctx, n.Name()); err != nil {
				return err
			}
		}
		return nil
	})
}
