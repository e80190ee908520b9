package cluster

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nov30/nov30/harness/journal/nodeop"
)

// PowerOn powers on every node that is off and waits until systemd in it has booted.
func (k *Kind) PowerOn(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, n := range k.nodes {
		group.Go(func() error {
			if err := k.StartNode(ctx, n.Name()); err != nil {
				return err
			}
			return nodeop.AwaitBoot(ctx, k.provider.Clock, n)
		})
	}
	return group.Wait()
}

// Shares of the processor, docker run(1) --cpu-shares: against a container with the engine's default one that yields gets
// next to nothing, and all of a processor that is idle.
const (
	sharesOfAll   = 1024 // the engine's default
	sharesYielded = 16
)

// Yield makes the cluster leave the processor to others, or no longer.
func (k *Kind) Yield(ctx context.Context, yield bool) error {
	shares := sharesOfAll
	if yield {
		shares = sharesYielded
	}
	var errs []error
	for _, n := range k.nodes {
		_, err := k.provider.Engine.Run(ctx, nil, "update", "--cpu-shares", strconv.Itoa(shares), n.Name())
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// yieldingly does something while the cluster's containers, as they appear, leave the processor to others: kind gives no way to
// say so beforehand.
func (k *Kind) yieldingly(ctx context.Context, yield bool, do func() error) error {
	if !yield {
		return do()
	}
	ctx, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		done := map[string]bool{}
		for {
			found, _ := k.provider.nodes(ctx, k.name) // none yet, or none any more
			for _, n := range found {
				if one := (Kind{provider: k.provider, nodes: []Node{n}}); !done[n.Name()] {
					done[n.Name()] = one.Yield(ctx, true) == nil // it may not be there yet; then the next time
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-k.provider.Clock.After(200 * time.Millisecond):
			}
		}
	}()
	defer func() { end(); <-ended }()
	return do()
}
