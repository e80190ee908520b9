package observe

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/nov30/nov30/cmd/medic/internal/finding"
	"github.com/nov30/nov30/cmd/medic/internal/inventory"
	"github.com/nov30/nov30/cmd/medic/internal/judge"
	"github.com/nov30/nov30/cmd/medic/internal/look"
)

// Report is what one diagnosis says.
type Report struct {
	Findings     []finding.Finding `json:"findings"` // in causal order
	Blind        []string          `json:"blind"`    // what could not be looked at, and why
	Certificates []Certificate     `json:"certificates"`
}

// Certificate is one certificate on a node's disk.
type Certificate struct {
	Node      string    `json:"node"`
	Culprit   string    `json:"culprit"`
	Path      string    `json:"path"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

// How often and how long a diagnosis looks, when the first look leaves a doubt. A doubt is settled within this time.
const (
	diagnoseEvery  = time.Second
	diagnoseWithin = 8 * time.Second
)

// Diagnose looks once, and again while there are doubts. The error is ctx's.
func (o *Observer) Diagnose(ctx context.Context) (Report, error) {
	j := judge.New(o.Clock)
	over := o.Clock.Now().Add(diagnoseWithin)
	for {
		s := o.Look.Round(ctx, look.Patience)
		v := j.Round(s)
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		settled := len(v.Doubts) == 0 && s.Complete()
		if settled || !o.Clock.Now().Before(over) {
			return report(s, v), nil
		}
		select {
		case <-ctx.Done():
			return Report{}, ctx.Err()
		case <-o.Clock.After(diagnoseEvery):
		}
	}
}

func report(s look.Snapshot, v judge.Verdict) Report {
	r := Report{Findings: append([]finding.Finding{}, v.Findings...), Blind: append([]string{}, v.Blind...), Certificates: []Certificate{}}
	for _, f := range v.Doubts {
		r.Blind = append(r.Blind, fmt.Sprintf("%s %s %s is in doubt: %s", f.Kind, f.Culprit, f.Node, f.Evidence))
	}
	if !s.Complete() && len(r.Blind) == 0 {
		r.Blind = append(r.Blind, "not everything could be looked at in time")
	}
	for _, n := range s.Nodes {
		for _, f := range n.Files.Value {
			if c := inventory.Deciding(f, s.At); c != nil {
				r.Certificates = append(r.Certificates, Certificate{n.Node.Name, f.Culprit, f.Path, inventory.Serial(c), c.NotBefore, c.NotAfter})
			}
		}
	}
	return r
}

// Critical tells whether a critical finding is in the report.
func (r Report) Critical() bool {
	for _, f := range r.Findings {
		if f.Severity == finding.Critical {
			return true
		}
	}
	return false
}

// Print prints the report for people.
func (r Report) Print(w io.Writer) error {
	if len(r.Findings) > 0 {
		if err := finding.Table(w, r.Findings); err != nil {
			return err
		}
	}
	for _, b := range r.Blind {
		if _, err := fmt.Fprintf(w, "could not look at %s\n", b); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d findings; %d certificates on disk looked at\n", len(r.Findings), len(r.Certificates))
	return err
}
