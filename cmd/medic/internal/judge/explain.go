package judge

import (
	"strings"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// explain takes out what another critical finding causes, and says it in the evidence of that cause instead. The causes
// are looked for in fs and in those given besides.
func explain(fs []finding.Finding, s look.Snapshot, besides ...finding.Finding) []finding.Finding {
	causes := make([]finding.Finding, 0, len(fs)+len(besides))
	causes = append(append(causes, besides...), fs...)
	finding.Order(causes)
	said := map[finding.Key]string{}
	var out []finding.Finding
	for _, f := range fs {
		cause, ok := causeOf(f, causes, s)
		if !ok {
			out = append(out, f)
			continue
		}
		said[cause.Key()] += "; " + effect(f)
	}
	for i, f := range out {
		out[i].Evidence += said[f.Key()]
	}
	return out
}

// causeOf finds the first critical finding that explains f.
func causeOf(f finding.Finding, causes []finding.Finding, s look.Snapshot) (finding.Finding, bool) {
	for _, c := range causes {
		if c.Severity != finding.Critical || c.Key() == f.Key() {
			continue
		}
		switch {
		case f.Kind == finding.APIDown && downs(c, s):
			return c, true
		case f.Kind == finding.LeaseStale && c.Kind.Invalid() && silences(c, f.Node):
			return c, true
		case f.Kind == finding.LeaseStale && c.Kind == finding.Unreachable && c.Node == f.Node:
			return c, true
		case f.Kind == finding.CertUntrusted && f.Culprit == finding.CA && f.Node == "" && c.Kind == finding.CertUntrusted && c.Culprit == finding.APIServer:
			return c, true
		}
	}
	return finding.Finding{}, false
}

// downs tells whether a cause takes the API down: directly, or through etcd.
func downs(c finding.Finding, s look.Snapshot) bool {
	if c.Kind == finding.Unreachable {
		return roleOf(c.Node, s) == target.ControlPlane
	}
	if !c.Kind.Invalid() {
		return false
	}
	switch c.Culprit {
	case finding.EtcdCA, finding.CA, finding.EtcdServer, finding.APIServerEtcd, finding.APIServer:
		return true
	case finding.EtcdPeer:
		return members(s) > 1 // a single member has no peer
	case finding.EtcdHealthcheck:
		return !answers(c.Node, look.EtcdClient, s) // only where the kubelet probes etcd with it, and so has stopped it
	}
	return false
}

// silences tells whether a cause keeps a node's kubelet from the API.
func silences(c finding.Finding, node string) bool {
	return c.Culprit == finding.CA || c.Culprit == finding.KubeletClient(node)
}

func roleOf(node string, s look.Snapshot) target.Role {
	for _, n := range s.Nodes {
		if n.Node.Name == node {
			return n.Node.Role
		}
	}
	return ""
}

func members(s look.Snapshot) int {
	count := 0
	for _, n := range s.Nodes {
		if n.Node.Role == target.ControlPlane {
			count++
		}
	}
	return count
}

func answers(node string, p look.Port, s look.Snapshot) bool {
	for _, n := range s.Nodes {
		for _, v := range n.Ports {
			if n.Node.Name == node && v.Port == p {
				return v.Chain.Known() && v.Chain.Err == nil
			}
		}
	}
	return false
}

// effect is how a cause's evidence mentions what it causes.
func effect(f finding.Finding) string {
	switch f.Kind {
	case finding.APIDown:
		return "the API is down: " + f.Evidence
	case finding.LeaseStale:
		return strings.TrimPrefix(f.Culprit, finding.Node("")) + ": " + f.Evidence
	}
	return f.Evidence
}
