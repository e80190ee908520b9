package heal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kindConfig is where kind keeps the configuration that it has given kubeadm.
const kindConfig = "/kind/kubeadm.conf"

// factsScript prints the static pods' manifests, the names of the running processes, the node's clock, and whether the
// file $1 exists.
const factsScript = `echo @manifests; ls /etc/kubernetes/manifests
echo @processes; cat /proc/[0-9]*/comm 2>/dev/null
echo @clock; date +%s
echo @config; [ -f "$1" ] && echo "$1"
echo @end`

// staticPods are the manifests whose program has the manifest's name.
var staticPods = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// nodeFacts fills what the certificates do not tell.
func (r *run) nodeFacts(ctx context.Context, n *nodeRun) error {
	want := r.h.KubeadmConfig
	if want == "" {
		want = kindConfig
	}
	before := r.h.Clock.Now()
	out, err := r.exec(ctx, n, "sh", "-c", factsScript, "medic", want)
	if err != nil {
		return err
	}
	facts := sections(string(out))
	if _, whole := facts["end"]; !whole || len(facts["clock"]) != 1 {
		return fmt.Errorf("%s: the examination was cut off", n.node.Name)
	}
	seconds, err := strconv.ParseInt(facts["clock"][0], 10, 64)
	if err != nil {
		return fmt.Errorf("%s: its clock says %q", n.node.Name, facts["clock"][0])
	}
	n.clock = time.Unix(seconds, 0).Sub(before.Truncate(time.Second))
	n.down = notRunning(facts["manifests"], facts["processes"])
	n.config = strings.Join(facts["config"], "")
	if n.config == "" && r.h.KubeadmConfig != "" {
		return fmt.Errorf("%s: there is no %s, which --kubeadm-config names", n.node.Name, r.h.KubeadmConfig)
	}
	return nil
}

func sections(out string) map[string][]string {
	m := map[string][]string{}
	name := ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutPrefix(line, "@"); ok {
			name = rest
			m[name] = nil
			continue
		}
		m[name] = append(m[name], line)
	}
	return m
}

// notRunning compares manifests with process names, of which the kernel keeps 15 characters.
func notRunning(manifests, processes []string) []string {
	var out []string
	for _, pod := range staticPods {
		if slices.Contains(manifests, pod+".yaml") && !slices.Contains(processes, pod[:min(len(pod), 15)]) {
			out = append(out, pod)
		}
	}
	return out
}

// execTimeout bounds one command in a node.
const execTimeout = 30 * time.Second

func (r *run) exec(ctx context.Context, n *nodeRun, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	out, err := r.h.Transport.Exec(ctx, n.node.Name, nil, argv...)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		return out, fmt.Errorf("%w (bounded to %s)", err, execTimeout)
	}
	return out, err
}
