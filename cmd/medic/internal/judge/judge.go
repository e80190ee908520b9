// Package judge turns what was seen into findings, root cause first.
package judge

import (
	"time"

	"github.com/jonboulle/clockwork"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// How long a doubt must last, over at least minRounds rounds, before it is told. That a certificate has expired is no
// doubt: it is told at once. A comparison of two things read at different instants is one, and so is silence, which may
// be a restart.
const (
	minRounds   = 3
	silence     = 3 * time.Second
	afterOutage = 20 * time.Second // for a stale lease once the API is back: the kubelets must first find it again
)

// Verdict is what one round says.
type Verdict struct {
	Findings []finding.Finding // in causal order
	Doubts   []finding.Finding // seen, but not long enough to be told
	Blind    []string          // what could not be looked at, and why
}

// Critical returns the critical ones among the findings.
func (v Verdict) Critical() []finding.Finding {
	var out []finding.Finding
	for _, f := range v.Findings {
		if f.Severity == finding.Critical {
			out = append(out, f)
		}
	}
	return out
}

// Judge judges the rounds of one observer. It remembers what rounds have in common: since when something lasts.
type Judge struct {
	clock   clockwork.Clock
	doubts  map[doubtKey]doubt
	leases  map[string]renewal
	apiDown bool // the API was seen down at least once
}

// New returns a Judge that has seen nothing yet.
func New(clock clockwork.Clock) *Judge {
	return &Judge{clock: clock, doubts: map[doubtKey]doubt{}, leases: map[string]renewal{}}
}

// fact is a finding on its way: told once it has lasted for wait, or at once.
type fact struct {
	finding.Finding
	wait time.Duration
}

type doubtKey struct {
	finding.Key
	severity finding.Severity
}

type doubt struct {
	since  time.Time
	rounds int
}

// Round judges one snapshot.
func (j *Judge) Round(s look.Snapshot) Verdict {
	now := j.clock.Now()
	api := apiState(s)
	var facts []fact
	var blind []string
	for _, n := range s.Nodes {
		facts = append(facts, nodeCertificates(n, s, now)...)
		facts = append(facts, reachability(n, api.failing)...)
		if !n.Files.Known() || n.Files.Err != nil {
			blind = append(blind, n.Node.Name+": its files: "+outcome(n.Files.Err))
		}
	}
	facts = append(facts, ownCertificate(s.API.Value.Own, now)...)
	facts = append(facts, j.leaseFacts(s, now)...)
	facts = append(facts, api.facts...)
	told, doubts := j.confirm(facts, now)
	told, doubts = explain(told, s), explain(doubts, s, told...)
	finding.Order(told)
	finding.Order(doubts)
	return Verdict{Findings: told, Doubts: doubts, Blind: append(blind, api.blind...)}
}

// confirm separates what is told from what has not lasted long enough yet.
func (j *Judge) confirm(facts []fact, now time.Time) (told, waiting []finding.Finding) {
	next := map[doubtKey]doubt{}
	for _, f := range facts {
		if f.wait == 0 {
			told = append(told, f.Finding)
			continue
		}
		key := doubtKey{f.Key(), f.Severity}
		d, known := next[key] // two facts of one key are one doubt: it gains one round per round
		if !known {
			if d, known = j.doubts[key]; !known {
				d.since = now
			}
			d.rounds++
			next[key] = d
		}
		if d.rounds >= minRounds && now.Sub(d.since) >= f.wait {
			told = append(told, f.Finding)
		} else {
			waiting = append(waiting, f.Finding)
		}
	}
	j.doubts = next
	return finding.Merge(told), finding.Merge(waiting)
}

func outcome(err error) string {
	if err == nil {
		return "no look has ended yet"
	}
	return err.Error()
}
