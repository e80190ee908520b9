// Package nodestate keeps the state of one node and puts the node back to it. It runs in the node, as root: nov30-node.
//
// What is kept is what makes a node different from its image: the files that were written since it started, with the
// configuration, the certificates and etcd's data; an index of all other files; addresses, routes, rules and the firewall;
// the units that run. What can be made again from these is not kept but thrown away on the way back: pods, their logs and
// addresses, every process that is no unit's.
package nodestate

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Version is of the form in which a state is kept. A state does not outlive the run that kept it, so another one is an error.
const Version = 1

// state is what Keep keeps, beside the contents of files.
type state struct {
	Version int      `json:"version"`
	Node    string   `json:"node"`
	Files   []file   `json:"files"`
	Mounts  []string `json:"mounts"`
	Network network  `json:"network"`
	Units   []string `json:"units"` // active services, timers, sockets and paths
	Images  []string `json:"images"`
}

// Report is what Rewind found changed and put right. It names things and holds no contents.
type Report struct {
	Altered   []string `json:"altered,omitempty"`   // files whose content, mode, owner or target was another one
	Removed   []string `json:"removed,omitempty"`   // files that were not there before
	Restored  []string `json:"restored,omitempty"`  // files that were gone
	Lost      []string `json:"lost,omitempty"`      // files of the image that changed: their content is only in the image
	Killed    []string `json:"killed,omitempty"`    // processes that belong to no unit and no pod
	Unmounted []string `json:"unmounted,omitempty"` // mount points
	Network   []string `json:"network,omitempty"`   // commands of ip, nft that put it right
	Units     []string `json:"units,omitempty"`     // units that were started, stopped or reset
	Images    []string `json:"images,omitempty"`    // container images that were removed
	Stale     []string `json:"stale,omitempty"`     // units that must be restarted, after what was lost is back
	Pods      int      `json:"pods"`                // pods that were thrown away
	Steps     []Step   `json:"steps"`               // where the time went

	reload bool // units changed of which nobody is told
}

// Step is how long one part took, in seconds.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// Found lists what Rewind found different from what was kept, each with what it is: file/etc/hosts, process/sleep. What a
// node changes by itself is not among it.
func (r Report) Found() []string {
	var all []string
	for _, of := range []struct {
		what string
		list []string
	}{{"file", r.Altered}, {"file", r.Removed}, {"file", r.Restored}, {"file", r.Lost}, {"process/", r.Killed}, {"mount", r.Unmounted},
		{"network/", r.Network}, {"unit/", r.Units}, {"image/", r.Images}} {
		for _, one := range of.list {
			if of.what != "file" || !below(one, kubeletsOwn) {
				all = append(all, of.what+one)
			}
		}
	}
	return all
}

// ErrState is a kept state that is damaged, cut, of another version or of another node.
var ErrState = errors.New("the kept state of the node is not whole")

// Keep writes the node's state to w. For a moment it stops etcd, so that its files are of one instant, and before that the
// scheduler and the controller manager, whose leases it deletes: whoever starts from this state would have to wait until the
// leases of processes that are gone have run out, 15 s.
func (n Node) Keep(ctx context.Context, w io.Writer) error {
	s := state{Version: Version, Node: n.Name}
	var err error
	if s.Mounts, err = n.mountPoints(); err != nil {
		return err
	}
	if s.Network, err = n.readNetwork(ctx); err != nil {
		return err
	}
	if s.Units, err = n.activeUnits(ctx); err != nil {
		return err
	}
	if s.Images, err = n.images(ctx); err != nil {
		return err
	}
	thaw, err := n.freeze(ctx)
	if err != nil {
		return err
	}
	defer thaw()
	if s.Files, err = n.index(); err != nil {
		return err
	}
	s.Files = withoutPods(s.Files)
	a, err := newArchive(w, s)
	if err != nil {
		return err
	}
	for _, f := range s.Files {
		if f.Kept && f.Kind == regular {
			if err := a.add(n.Root, f); err != nil {
				return err
			}
		}
	}
	return a.close()
}

// Rewind puts the node back to the state that r holds, up to and without the start of kubelet. The report names files
// of the image that must be put back before that, because their contents were not kept.
func (n Node) Rewind(ctx context.Context, r io.Reader) (Report, error) {
	var report Report
	s, contents, err := readArchive(r)
	if err != nil {
		return report, err
	}
	if s.Node != n.Name {
		return report, fmt.Errorf("%w: it is of %q, this is %q", ErrState, s.Node, n.Name)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"stop kubelet", func() error { return n.stopKubelet(ctx) }},
		{"remove pods", func() error { return n.removePods(ctx, &report) }},
		{"stop units", func() error { _, err := n.stopUnits(ctx, s.Units, &report); return err }},
		{"kill strays", func() error { return n.killStrays(&report) }},
		{"unmount", func() error { return n.unmount(s.Mounts, &report) }},
		{"files", func() error { return n.putFiles(s.Files, contents, &report) }},
		{"units", func() error { return n.putUnits(ctx, s.Units, &report) }},
		{"network", func() error { return n.putNetwork(ctx, s.Network, &report) }},
		{"images", func() error { return n.putImages(ctx, s.Images, &report) }},
		{"journal", func() error { return n.emptyJournal(ctx) }},
	}
	for _, step := range steps {
		start := n.Clock.Now()
		err := step.do()
		report.Steps = append(report.Steps, Step{step.name, n.Clock.Since(start).Seconds()})
		if err != nil {
			return report, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return report, nil
}
