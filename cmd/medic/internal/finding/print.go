package finding

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Repeat is how often a finding that stays the same is printed again.
const Repeat = 10 * time.Second

// Printer prints findings as JSON lines, each when it first appears, when it changes, and every Repeat.
type Printer struct {
	w    io.Writer
	said map[Key]said
}

type said struct {
	finding Finding
	at      time.Time
}

// NewPrinter returns a printer that writes every line to w at once, in one Write.
func NewPrinter(w io.Writer) *Printer { return &Printer{w: w, said: map[Key]said{}} }

// Round prints what one round found. A finding that is missing from a round is new again when it comes back.
func (p *Printer) Round(now time.Time, fs []Finding) error {
	next := map[Key]said{}
	for _, f := range fs {
		last, known := p.said[f.Key()]
		if known && last.finding == f && now.Sub(last.at) < Repeat {
			next[f.Key()] = last
			continue
		}
		line, err := json.Marshal(f)
		if err != nil {
			return fmt.Errorf("finding %v: %w", f.Key(), err)
		}
		if _, err := p.w.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("printing a finding: %w", err)
		}
		next[f.Key()] = said{f, now}
	}
	p.said = next
	return nil
}

// Table prints findings for people.
func Table(w io.Writer, fs []Finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SEVERITY\tKIND\tCULPRIT\tNODE\tEVIDENCE")
	for _, f := range fs {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", f.Severity, f.Kind, f.Culprit, orDash(f.Node), f.Evidence)
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
