package cluster

import (
	"context"
	"errors"
	"io"
	"sort"
	"strings"

	"github.com/nov30/nov30/harness/engine"
)

// container is a node that is a container.
type container struct {
	engine *engine.Engine
	name   string
	role   Role
}

func (n container) Name() string { return n.name }
func (n container) Role() Role   { return n.role }

func (n container) Exec(ctx context.Context, stdin io.Reader, argv ...string) ([]byte, error) {
	args := []string{"exec"}
	if stdin != nil {
		args = append(args, "-i")
	}
	out, err := n.engine.Run(ctx, stdin, append(append(args, n.name), argv...)...)
	var failed *engine.CommandError
	if errors.As(err, &failed) {
		return out, &ExecError{Node: n.name, Argv: argv, Stdout: failed.Stdout, Stderr: failed.Stderr, Err: failed.Err}
	}
	return out, err
}

// nodes lists the nodes of a cluster, the control plane first, then by name.
func (p Provider) nodes(ctx context.Context, name string) ([]Node, error) {
	out, err := p.Engine.Run(ctx, nil, "ps", "--all", "--filter", "label="+labelKind+"="+name,
		"--format", `{{.Names}} {{.Label "`+labelRole+`"}}`)
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		node, role, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && (Role(role) == ControlPlane || Role(role) == Worker) {
			nodes = append(nodes, container{engine: p.Engine, name: node, role: Role(role)})
		}
	}
	sort.Slice(nodes, func(i, j int) bool {
		if nodes[i].Role() != nodes[j].Role() {
			return nodes[i].Role() == ControlPlane
		}
		return nodes[i].Name() < nodes[j].Name()
	})
	return nodes, nil
}
