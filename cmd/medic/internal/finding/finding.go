// Package finding holds what medic says: findings, their culprits in causal order, and how they are printed.
package finding

import (
	"sort"
	"strings"
)

// Severity of a finding, in the words of the tool contract.
type Severity string

// The severities. A warning starts no recovery.
const (
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Kind says what is wrong with the culprit.
type Kind string

// The kinds of findings.
const (
	CertExpired     Kind = "cert-expired"
	CertNotYetValid Kind = "cert-not-yet-valid"
	CertExpiring    Kind = "cert-expiring"
	CertUntrusted   Kind = "cert-untrusted" // not signed by the authority it must be signed by, or not readable
	ServedDiffers   Kind = "served-differs" // the file and the certificate served from it differ
	APIDown         Kind = "api-down"
	LeaseStale      Kind = "lease-stale"
	Unreachable     Kind = "unreachable"
)

// Invalid tells whether a certificate of this kind is refused by whoever verifies it.
func (k Kind) Invalid() bool { return k == CertExpired || k == CertNotYetValid || k == CertUntrusted }

// Finding is one thing that medic has found. Its JSON form is a line of the tool contract.
type Finding struct {
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Culprit  string   `json:"culprit"`
	Node     string   `json:"node,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
}

// Key is what makes two findings the same one, whatever their evidence says.
type Key struct {
	Kind          Kind
	Culprit, Node string
}

// Key returns the finding's key.
func (f Finding) Key() Key { return Key{f.Kind, f.Culprit, f.Node} }

// Order sorts findings by causality: critical before warning, then causes before what they cause.
func Order(fs []Finding) {
	sort.SliceStable(fs, func(a, b int) bool {
		x, y := fs[a], fs[b]
		if x.Severity != y.Severity {
			return x.Severity == Critical
		}
		if rx, ry := rank(x.Culprit), rank(y.Culprit); rx != ry {
			return rx < ry
		}
		if x.Culprit != y.Culprit {
			return x.Culprit < y.Culprit
		}
		if x.Node != y.Node {
			return x.Node < y.Node
		}
		return x.Kind < y.Kind
	})
}

// Merge joins findings of the same key into one: the higher severity and the evidence of all, each said once.
func Merge(fs []Finding) []Finding {
	var out []Finding
	at := map[Key]int{}
	for _, f := range fs {
		i, ok := at[f.Key()]
		if !ok {
			at[f.Key()] = len(out)
			out = append(out, f)
			continue
		}
		if f.Severity == Critical {
			out[i].Severity = Critical
		}
		if f.Evidence != "" && !strings.Contains(out[i].Evidence, f.Evidence) {
			out[i].Evidence += "; " + f.Evidence
		}
	}
	return out
}
