package golden

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/nov30/nov30/harness/nodestate"
	"github.com/nov30/nov30/harness/pki"
)

// Target is the cluster that a golden state becomes.
type Target struct {
	Cluster, Run string
	Nodes        []Place // in the order of State.Nodes
	Now          time.Time
}

// Place is where a node of the new cluster is.
type Place struct {
	Name    string
	Address netip.Addr
}

// Birth is a cluster on its way out of a golden state: its keys are being made.
type Birth struct {
	state   *State
	renewal *pki.Renewal
}

// Begin begins to make the keys, which takes a second or two of every processor; nothing of the cluster needs to exist yet.
func Begin(ctx context.Context, s *State) (*Birth, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var texts [][]byte
	for _, n := range s.Nodes {
		for _, f := range n.State.Files {
			texts = append(texts, f.Content)
		}
	}
	renewal, err := pki.NewRenewal(ctx, texts...)
	if err != nil {
		return nil, fmt.Errorf("the keys of the %s: %w", s, err)
	}
	return &Birth{state: s, renewal: renewal}, nil
}

// Finish is what the nodes of the target hold, in their order. Nothing in it is a key or a certificate of the golden state's,
// or has a name or an address of its.
func (b *Birth) Finish(t Target) ([]nodestate.Golden, error) {
	s := b.state
	if len(t.Nodes) != len(s.Nodes) {
		return nil, fmt.Errorf("the %s has %d nodes, not %d", s, len(s.Nodes), len(t.Nodes))
	}
	names, err := newNames(s, t)
	if err != nil {
		return nil, err
	}
	certificates, err := b.renewal.Issue(pki.Change{Text: names.in, Shift: t.Now.Sub(s.Taken).Truncate(time.Second)})
	if err != nil {
		return nil, err
	}
	m := maker{names: names, certificates: certificates, ids: map[string]string{}, needed: map[string][]string{}, run: t.Run, now: t.Now}
	var all []nodestate.Golden
	for _, n := range s.Nodes {
		made, err := m.node(n.State)
		if err != nil {
			return nil, fmt.Errorf("node %s of the %s: %w", n.Name, s, err)
		}
		all = append(all, made)
	}
	for i := range all {
		all[i].API = netip.AddrPortFrom(t.Nodes[0].Address, apiPort).String()
		all[i].Images = m.needed[t.Nodes[i].Name]
	}
	return all, nil
}

// apiPort is where the API server listens in kind's control planes.
const apiPort = 6443

// maker makes the new nodes' files and objects out of the old ones'.
type maker struct {
	names        *names
	certificates *pki.Replacement
	ids          map[string]string   // new identities by old ones
	needed       map[string][]string // images by the new nodes' names
	run          string
	now          time.Time
}

func (m *maker) node(old nodestate.Golden) (nodestate.Golden, error) {
	var g nodestate.Golden
	for _, f := range old.Files {
		one, err := m.file(f)
		if err != nil {
			return g, err
		}
		g.Files = append(g.Files, one)
	}
	for _, o := range old.Objects {
		if !taken(o.Key) {
			continue
		}
		one, err := m.object(o)
		if err != nil {
			return g, fmt.Errorf("%s: %w", o.Key, err)
		}
		if one.Value != nil {
			g.Objects = append(g.Objects, one)
		}
	}
	return g, nil
}

// text makes a text the new cluster's and proves that nothing is left in it of the old one's.
func (m *maker) text(old string) (string, error) {
	now := m.certificates.In(m.names.in(old))
	if m.certificates.HasOld(now) {
		return "", fmt.Errorf("a key or a certificate of the %s would be used again", m.names.state)
	}
	return now, nil
}

func (m *maker) file(f nodestate.GoldenFile) (nodestate.GoldenFile, error) {
	text, err := m.text(string(f.Content))
	if err != nil {
		return f, fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Content = []byte(text)
	f.Path, f.Link = m.dated(f.Path), m.dated(f.Link)
	return f, nil
}
