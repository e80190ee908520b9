package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/harness/slo"
)

// The names of the probes, as records and scenarios have them.
const (
	NameAPI      = "api"      // /readyz answers
	NameWrite    = "write"    // a write is acknowledged, and none is lost
	NameSchedule = "schedule" // a new pod reaches Running
	NameNodes    = "nodes"    // every node is Ready and renews its lease
	NameSite     = "site"     // the website answers through nginx
)

// Namespace is where the probes make their objects; Prepare makes it.
const Namespace = "nov30-probe"

// IDLabel marks the objects of one probe of one arm; its value is that probe's.
const IDLabel = "nov30.probe"

// siteImage is in every node's image store; its pods need no pull.
const siteImage = "nov30.local/site:v1"

// Names lists the probes in the order of reports.
func Names() []string { return []string{NameAPI, NameWrite, NameSchedule, NameNodes, NameSite} }

// DefaultTiming is the timing of the probe of that name.
func DefaultTiming(name string) (Timing, error) {
	if t := timing(name); t != (Timing{}) {
		return t, nil
	}
	return Timing{}, fmt.Errorf("no probe is called %q: the probes are %s", name, strings.Join(Names(), ", "))
}

// timing is zero for an unknown name. The dearest probe is schedule: a pod costs the cluster some 0.2 s of CPU, so it is
// rare. It is also patient: once the API is back, a scheduler that lost its lease needs up to 17 s to lead again (lease 15 s,
// retry 2 s), and a pod several seconds to start on two loaded cores. Nothing is asked more often than twice a second: a
// record is judged by gaps of three intervals, and on two loaded cores this process may not run for a second.
func timing(name string) Timing {
	switch name {
	case NameAPI:
		return Timing{500 * time.Millisecond, 2 * time.Second}
	case NameWrite:
		return Timing{time.Second, 3 * time.Second}
	case NameSchedule:
		return Timing{5 * time.Second, 30 * time.Second}
	case NameNodes:
		return Timing{time.Second, 2 * time.Second}
	case NameSite:
		return Timing{500 * time.Millisecond, time.Second}
	}
	return Timing{}
}

// Specs is what the evaluation needs to know of all the probes; those named in red must turn red in the untreated arm.
func Specs(red ...string) ([]slo.ProbeSpec, error) {
	for _, name := range red {
		if _, err := DefaultTiming(name); err != nil {
			return nil, err
		}
	}
	var out []slo.ProbeSpec
	for _, name := range Names() {
		t := timing(name)
		out = append(out, slo.ProbeSpec{Name: name, Interval: t.Interval, Timeout: t.Timeout, Red: slices.Contains(red, name)})
	}
	return out, nil
}

// Set is one arm's probes. They carry what they saw, so each arm has its own.
type Set struct {
	API      *API
	Write    *Write
	Schedule *Schedule
	Nodes    *Nodes
	Site     *Site
}

// NewSet makes the probes of one arm; the site is at url and answers with nonce.
func NewSet(clock clockwork.Clock, url, nonce string) *Set {
	return &Set{API: &API{}, Write: NewWrite(clock), Schedule: NewSchedule(clock), Nodes: NewNodes(clock), Site: NewSite(url, nonce)}
}

// Default is every probe of the set with its default timing, in the order of Names.
func (s *Set) Default() []Scheduled {
	var out []Scheduled
	for _, p := range []Probe{s.API, s.Write, s.Schedule, s.Nodes, s.Site} {
		out = append(out, Scheduled{p, timing(p.String())})
	}
	return out
}

// Find is the probe of that name with its default timing.
func (s *Set) Find(name string) (Scheduled, error) {
	for _, p := range s.Default() {
		if p.Probe.String() == name {
			return p, nil
		}
	}
	_, err := DefaultTiming(name)
	return Scheduled{}, err
}
