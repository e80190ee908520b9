package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nov30/nov30/harness/engine"
)

// createNetwork makes the cluster's own network. It carries the run's label, which kind gives no way to put on a node's
// container: a container is nov30's when it is on such a network.
func (k *Kind) createNetwork(ctx context.Context) error {
	_, err := k.provider.Engine.Run(ctx, nil, "network", "create", "--driver", "bridge",
		"--label", LabelRun+"="+k.run, "--label", labelHome+"="+k.provider.Home, k.Network())
	return err
}

// Delete removes everything of the cluster: every container on its network (the edge's too), their volumes, the network.
// It does nothing, successfully, when there is nothing.
func (k *Kind) Delete(ctx context.Context) error { return k.provider.delete(ctx, k.name) }

func (p Provider) delete(ctx context.Context, name string) error {
	// Not through kind: its delete takes no context, and knows nothing of the edge and the network.
	err := errors.Join(p.removeContainers(ctx, "label="+labelKind+"="+name), p.removeContainers(ctx, "network="+name))
	if err != nil {
		return fmt.Errorf("delete cluster %s: %w", name, err)
	}
	if _, err = p.Engine.Run(ctx, nil, "network", "rm", name); err != nil && !noNetwork(err) {
		return err
	}
	// A `docker run` of kind's outlives a nov30 that was killed: its container may have come only now.
	return p.removeContainers(ctx, "label="+labelKind+"="+name)
}

// noNetwork tells whether an engine command failed because the network that it names does not exist.
func noNetwork(err error) bool {
	var failed *engine.CommandError
	if !errors.As(err, &failed) {
		return false
	}
	words := strings.ToLower(string(failed.Stderr))
	return strings.Contains(words, "no such network") || strings.Contains(words, "unable to find network") ||
		strings.Contains(words, "network") && strings.Contains(words, "not found")
}

// removeContainers removes the containers that a filter finds, running or not, with their anonymous volumes.
func (p Provider) removeContainers(ctx context.Context, filter string) error {
	out, err := p.Engine.Run(ctx, nil, "ps", "--all", "--quiet", "--filter", filter)
	if err != nil {
		return err
	}
	ids := strings.Fields(string(out))
	if len(ids) == 0 {
		return nil
	}
	_, err = p.Engine.Run(ctx, nil, append([]string{"rm", "--force", "--volumes"}, ids...)...)
	return err
}

// Leftover is a cluster that some run of nov30 created and that still exists.
type Leftover struct {
	Name string `json:"name"`
	Run  string `json:"run"`
}

// Leftovers lists the clusters of all runs of this state directory, by their networks.
func (p Provider) Leftovers(ctx context.Context) ([]Leftover, error) {
	out, err := p.Engine.Run(ctx, nil, "network", "ls", "--filter", "label="+LabelRun,
		"--filter", "label="+labelHome+"="+p.Home, "--format", "{{.Name}}")
	if err != nil {
		return nil, err
	}
	var found []Leftover
	for _, name := range strings.Fields(string(out)) {
		if !strings.HasPrefix(name, Prefix) {
			continue
		}
		run, err := p.runOf(ctx, name)
		if noNetwork(err) { // deleted since it was listed
			continue
		}
		if err != nil {
			return nil, err
		}
		if run != "" {
			found = append(found, Leftover{Name: name, Run: run})
		}
	}
	return found, nil
}

// runOf reads the run's label of a network; it is empty when the network has none. Of the two engines only docker shows a
// label in a listing, so each network is asked for its own.
func (p Provider) runOf(ctx context.Context, network string) (string, error) {
	out, err := p.Engine.Run(ctx, nil, "network", "inspect", "--format", `{{index .Labels "`+LabelRun+`"}}`, network)
	return strings.TrimSpace(string(out)), err
}

// DeleteLeftover deletes a cluster by name, only if it is nov30's.
func (p Provider) DeleteLeftover(ctx context.Context, name string) error {
	all, err := p.Leftovers(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Name == name {
			return p.delete(ctx, name)
		}
	}
	return fmt.Errorf("refused to delete %q: no cluster of that name was created by nov30", name)
}
