package golden

import (
	"fmt"
	"regexp"
	"strings"
)

// names puts the new cluster's names and addresses in the place of the old one's.
type names struct {
	state *State
	find  *regexp.Regexp
	now   map[string]string // by the old ones
}

// runLabels are the forms in which the run's id stands by itself: in kubelet's flags and as a label. Where the cluster's name
// holds it the name is replaced.
var runLabels = []string{"nov30.run=", "nov30.run: "}

func newNames(s *State, t Target) (*names, error) {
	n := &names{state: s, now: map[string]string{s.Cluster: t.Cluster}}
	words := []string{s.Cluster}
	add := func(old, now string) {
		if n.now[old] == "" {
			words = append(words, old)
		}
		n.now[old] = now
	}
	for i, old := range s.Nodes {
		if strings.TrimPrefix(old.Name, s.Cluster) != strings.TrimPrefix(t.Nodes[i].Name, t.Cluster) {
			return nil, fmt.Errorf("node %s cannot become %s: their roles are others", old.Name, t.Nodes[i].Name)
		}
		add(old.Address.String(), t.Nodes[i].Address.String())
	}
	for _, label := range runLabels {
		add(label+s.Run, label+t.Run)
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	// All at once: an old address may be another node's new one.
	find, err := regexp.Compile(`\b(?:` + strings.Join(words, "|") + `)\b`)
	n.find = find
	return n, err
}

// in replaces whole words only: 10.0.0.2 is not part of 10.0.0.20.
func (n *names) in(text string) string {
	return n.find.ReplaceAllStringFunc(text, func(old string) string { return n.now[old] })
}

// kubeletCertificate is how kubelet names a client certificate of its: after the moment it wrote it.
var kubeletCertificate = regexp.MustCompile(`(kubelet-client-)\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d(\.pem)$`)

// dated names kubelet's client certificate after now.
func (m *maker) dated(path string) string {
	return kubeletCertificate.ReplaceAllString(path, "${1}"+m.now.UTC().Format("2006-01-02-15-04-05")+"${2}")
}
