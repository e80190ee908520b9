package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	sitefs "github.com/nov30/nov30/fixtures/site"
	"github.com/nov30/nov30/harness/cluster"
	"github.com/nov30/nov30/harness/engine"
)

// nodePort is the Service's port on every node; site.yaml names the same.
const nodePort = 30080

// hop is one worker node in nginx's configuration; Next is the location that is tried when it does not answer.
type hop struct{ Location, Variable, Worker, Next string }

// hops puts the workers into the order in which nginx asks them.
func hops(workers []string) []hop {
	var out []hop
	for i, w := range workers {
		h := hop{Location: "/", Variable: fmt.Sprintf("worker%d", i), Worker: w}
		if i > 0 {
			h.Location = fmt.Sprintf("@worker%d", i)
		}
		if i+1 < len(workers) {
			h.Next = fmt.Sprintf("@worker%d", i+1)
		}
		out = append(out, h)
	}
	return out
}

// edgeConfig is nginx's configuration in front of the cluster's workers.
func edgeConfig(c cluster.Cluster) (string, error) {
	var workers []string
	for _, n := range c.Nodes() {
		if n.Role() == cluster.Worker {
			workers = append(workers, n.Name())
		}
	}
	if len(workers) == 0 {
		return "", fmt.Errorf("cluster %s: %w with role %s: the edge would have no backend", c.Name(), cluster.ErrNoNode, cluster.Worker)
	}
	return render("nginx.conf", map[string]any{"Hops": hops(workers), "Port": nodePort})
}

// render fills in one of the site's templates.
func render(name string, data any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(sitefs.FS, name)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return "", err
	}
	return out.String(), nil
}

// startEdge starts nginx in a container of its own on the cluster's network and returns its URL on this machine. The
// configuration travels in the environment: the engine's daemon may not see this machine's files.
func startEdge(ctx context.Context, env Env, name string) (string, error) {
	config, err := edgeConfig(env.Cluster)
	if err != nil {
		return "", err
	}
	script, err := sitefs.FS.ReadFile("edge.sh")
	if err != nil {
		return "", err
	}
	// NET_ADMIN is for the container's own routes: edge.sh blackholes all that is not the cluster's network.
	_, err = env.Engine.Run(ctx, nil, "run", "--detach", "--name", name, "--network", env.Network,
		"--label", "nov30.run="+env.Run, "--cap-add", "NET_ADMIN", "--publish", "127.0.0.1::80",
		"--env", "EDGE_CONF="+config, "--entrypoint", "/bin/sh", env.Image, "-c", string(script))
	if err != nil {
		return "", fmt.Errorf("start the edge container %s from %s: %w", name, env.Image, withoutArgv(err))
	}
	out, err := env.Engine.Run(ctx, nil, "port", name, "80/tcp")
	if err != nil {
		return "", fmt.Errorf("the edge container %s publishes no port: %w; its log: %s", name, err, edgeLog(ctx, env, name))
	}
	return edgeURL(string(out))
}

// withoutArgv leaves the command line out of an engine's error: the configuration and the script are in it.
func withoutArgv(err error) error {
	var failed *engine.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	return fmt.Errorf("%w: %s", failed.Err, strings.TrimSpace(string(failed.Stderr)))
}

// edgeURL finds the published address in the output of `port`: one HOST:PORT a line.
func edgeURL(ports string) (string, error) {
	for line := range strings.Lines(ports) {
		at, err := netip.ParseAddrPort(strings.TrimSpace(line))
		if err == nil && at.Addr().IsLoopback() && at.Port() != 0 {
			return "http://" + at.String() + "/", nil
		}
	}
	return "", fmt.Errorf("the edge container is published at %q, not at 127.0.0.1:PORT", strings.TrimSpace(ports))
}

// edgeLog is the end of the container's log, for an error text.
func edgeLog(ctx context.Context, env Env, name string) string {
	cmd := env.Engine.Command(ctx, "logs", "--tail", "5", name)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return strings.TrimSpace(string(out))
}
