package judge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/kubeapi"
	"github.com/nov30/nov30/cmd/medic/internal/look"
	"github.com/nov30/nov30/cmd/medic/internal/netreason"
	"github.com/nov30/nov30/cmd/medic/internal/target"
)

// apiView is what the newest look at the API means.
type apiView struct {
	failing string // why it counts as down; empty: it answers, or nothing is known
	facts   []fact
	blind   []string
}

// apiState reads the outcome of a look at the API. Silence and 5xx are down; an API that refuses the bastion is not. Where
// nothing is left to serve it, its silence is no restart, and is told at once.
func apiState(s look.Snapshot) apiView {
	r := s.API
	if !r.Known() {
		return apiView{blind: []string{"the API: no look has ended yet"}}
	}
	var conf *kubeapi.ConfigError
	if errors.As(r.Err, &conf) {
		f := finding.Finding{Severity: finding.Warning, Kind: finding.Unreachable, Culprit: finding.API, Evidence: conf.Error()}
		return apiView{facts: []fact{{f, silence}}, blind: []string{"the API: " + conf.Error()}}
	}
	v := apiView{}
	switch {
	case r.Err != nil:
		v.failing = netreason.Text(r.Err)
	case r.Value.Code != http.StatusOK && (r.Value.Code >= 500 || r.Value.Code < 400):
		v.failing = (&kubeapi.NotReadyError{Code: r.Value.Code, Failing: r.Value.Failing}).Error()
	case r.Value.Code != http.StatusOK:
		v.blind = append(v.blind, fmt.Sprintf("the API: /readyz refuses the bastion's kubeconfig with %d", r.Value.Code))
	}
	if v.failing != "" {
		f := finding.Finding{Severity: finding.Critical, Kind: finding.APIDown, Culprit: finding.API, Evidence: v.failing}
		if stopped := withoutAPIServer(s); stopped != "" {
			f.Evidence += "; " + stopped
			v.facts = append(v.facts, fact{f, 0})
		} else {
			v.facts = append(v.facts, fact{f, silence})
		}
		if netreason.UnknownAuthority(r.Err) {
			v.facts = append(v.facts, fact{finding.Finding{Severity: finding.Critical, Kind: finding.CertUntrusted, Culprit: finding.CA,
				Evidence: "what the API serves is not signed by the authority that the bastion's kubeconfig pins"}, silence})
		}
		v.blind = append(v.blind, "the node leases: the API is down: "+v.failing)
	} else if r.Value.LeaseErr != nil {
		v.blind = append(v.blind, "the node leases: "+r.Value.LeaseErr.Error())
	}
	return v
}

// withoutAPIServer says that no control plane has an apiserver to run; empty: one has, or it is not known.
func withoutAPIServer(s look.Snapshot) string {
	var names []string
	for _, n := range s.Nodes {
		if n.Node.Role != target.ControlPlane {
			continue
		}
		if n.Files.Err != nil || !inventory.LacksAPIServer(n.Files.Value) {
			return ""
		}
		names = append(names, n.Node.Name)
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("there is no %s on %s", inventory.APIServerManifest, strings.Join(names, ", "))
}
