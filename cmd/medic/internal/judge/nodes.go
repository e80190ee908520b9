package judge

import (
	"fmt"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/netreason"
)

// reachability tells which of a node's ports do not answer, and whether anything of the node does. While the API fails
// its own port is no news.
func reachability(n look.NodeView, apiFailing string) []fact {
	f := finding.Finding{Severity: finding.Warning, Kind: finding.Unreachable, Culprit: finding.Node(n.Node.Name), Node: n.Node.Name}
	var out []fact
	answered, asked := false, false
	for _, p := range n.Ports {
		if !p.Chain.Known() {
			continue
		}
		asked = true
		if p.Chain.Err == nil {
			answered = true
		} else if p.Port != look.APIServer || apiFailing == "" {
			f.Evidence = fmt.Sprintf("port %d: %s", p.Port, netreason.Text(p.Chain.Err))
			out = append(out, fact{f, silence})
		}
	}
	if n.Files.Known() && n.Files.Err != nil {
		f.Evidence = "commands cannot be run in the node"
		if asked && !answered {
			f.Severity = finding.Critical
			return []fact{{f, silence}}
		}
		out = append(out, fact{f, silence})
	}
	return out
}

// renewal is when a lease was renewed by its node's clock, and when that was seen.
type renewal struct{ renewed, seen time.Time }

// leaseFacts finds nodes whose kubelet has stopped renewing its lease.
func (j *Judge) leaseFacts(s look.Snapshot, now time.Time) []fact {
	api := s.API
	if !api.Known() || api.Err != nil || api.Value.Code >= 500 {
		j.apiDown = j.apiDown || api.Known()
		return nil
	}
	if api.Value.LeaseErr != nil {
		return nil
	}
	var wait time.Duration
	if j.apiDown {
		wait = afterOutage
	}
	have := map[string]kubeapi.Lease{}
	for _, l := range api.Value.Leases {
		have[l.Node] = l
	}
	var out []fact
	for _, n := range s.Nodes {
		f := finding.Finding{Severity: finding.Critical, Kind: finding.LeaseStale, Culprit: finding.Node(n.Node.Name), Node: n.Node.Name}
		l, ok := have[n.Node.Name]
		if !ok {
			f.Evidence = "the node has no lease"
			out = append(out, fact{f, max(wait, silence)})
			continue
		}
		if j.age(l, now) > l.Duration {
			f.Evidence = fmt.Sprintf("lease renewed last at %s, it lasts for %s", l.Renewed.UTC().Format(time.RFC3339), l.Duration)
			out = append(out, fact{f, wait})
		}
	}
	return out
}

// age is how long ago a lease was renewed. Once a renewal was seen, the time since then counts, by the bastion's clock
// alone: a node whose clock is off still lives. Only at first sight must the two clocks be compared.
func (j *Judge) age(l kubeapi.Lease, now time.Time) time.Duration {
	last, ok := j.leases[l.Node]
	if !ok || !last.renewed.Equal(l.Renewed) {
		seen := now
		if !ok && l.Renewed.Before(now) {
			seen = l.Renewed
		}
		last = renewal{l.Renewed, seen}
		j.leases[l.Node] = last
	}
	return now.Sub(last.seen)
}
