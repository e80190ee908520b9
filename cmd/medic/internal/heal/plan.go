package heal

import (
	"fmt"
	"strings"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
)

// backupRoot is where backups lie on a node.
const backupRoot = "/var/lib/medic"

// plan lists the steps that the cluster needs. An empty plan means that there is nothing to repair.
func (r *run) plan() []step {
	backup := backupRoot + "/backup-" + r.begun.UTC().Format("20060102T150405Z")
	etcd := r.renewals(func(n *nodeRun) []renewal { return n.etcd })
	api := r.renewals(func(n *nodeRun) []renewal { return n.api })
	restarts := r.restarts()
	if etcd == "" && api == "" && restarts == "" && r.ready {
		return nil
	}
	var steps []step
	if etcd != "" || api != "" {
		steps = append(steps, r.backupStep(backup))
	}
	if etcd != "" {
		steps = append(steps, r.renewEtcdStep(etcd, backup))
	}
	return append(steps, r.etcdStep(restarts), r.apiStep(api, backup))
}

// renewals names what is to be renewed where; empty: nothing.
func (r *run) renewals(of func(*nodeRun) []renewal) string {
	var parts []string
	for _, n := range r.nodes {
		var names []string
		for _, c := range of(n) {
			names = append(names, fmt.Sprintf("%s (valid %s to %s)", c.name, day(c.old.NotBefore), day(c.old.NotAfter)))
		}
		if len(names) > 0 {
			parts = append(parts, strings.Join(names, ", ")+" on "+n.node.Name+configured(n))
		}
	}
	return strings.Join(parts, "; ")
}

func configured(n *nodeRun) string {
	if n.config == "" {
		return ""
	}
	return " with --config " + n.config
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// restarts names the nodes whose kubelet is restarted, and why; empty: none.
func (r *run) restarts() string {
	var parts []string
	for _, n := range r.nodes {
		switch {
		case len(n.down) > 0:
			parts = append(parts, fmt.Sprintf("%s (%s not running)", n.node.Name, strings.Join(n.down, ", ")))
		case len(n.etcd) > 0:
			parts = append(parts, n.node.Name+" (certificates renewed)")
		}
	}
	return strings.Join(parts, ", ")
}

// byHand says what to do about a finding that heal does not repair.
func byHand(f finding.Finding) string {
	node := f.Node
	switch f.Culprit {
	case finding.EtcdCA, finding.CA, finding.FrontProxyCA:
		return r2
	case finding.ControllerManager, finding.Scheduler:
		return fmt.Sprintf("R6: on %s kubeadm certs renew %s.conf --config FILE, then move its manifest out of /etc/kubernetes/manifests and back", node, f.Culprit)
	case finding.Admin, finding.SuperAdmin:
		return fmt.Sprintf("R6: kubeadm certs renew %s.conf --config FILE on a control-plane node, then copy it to whoever uses it", f.Culprit)
	case finding.KubeletClient(node):
		return fmt.Sprintf("R7, R8: give %s a new kubelet.conf (kubeadm kubeconfig user --org system:nodes --client-name system:node:%s --config FILE), remove /var/lib/kubelet/pki/kubelet-client-*, restart its kubelet", node, node)
	case finding.KubeletServing(node):
		return fmt.Sprintf("on %s remove /var/lib/kubelet/pki/kubelet.crt and kubelet.key, then restart its kubelet", node)
	case finding.Node(node):
		return fmt.Sprintf("R8: look at %s: systemctl status kubelet; journalctl -u kubelet", node)
	}
	return fmt.Sprintf("look at %s on %s: kubeadm certs check-expiration; journalctl -u kubelet", f.Culprit, node)
}

const r2 = "R2 is needed first and is not in this version: re-sign the authority with the same key and subject and give it to all nodes"
