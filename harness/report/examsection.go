package report

import (
	"fmt"
	"strings"

	"github.com/nov30/nov30/harness/slo"
)

// changes writes what the tool changed: vandalism with its diffs, the rest by name.
func (p *page) changes(a slo.Arm, v slo.Verdict, r slo.Record) {
	changed := false
	for _, j := range judgements {
		list := changesOf(v, a, j.state)
		if len(list) == 0 {
			continue
		}
		changed = true
		p.line("%s (%d):\n", j.title, len(list))
		for i, c := range list {
			if i == changesMax {
				p.line("- … and %d more, see %s\n", len(list)-i, VerdictsFile)
				break
			}
			p.line("- %s %s\n", markdown(string(c.Kind), nameMax), markdown(where(c.Change), textShown+nameMax))
			if j.state != slo.RenewedOnly {
				p.diff(c.Diff)
			}
		}
	}
	if text := unchanged(r); !changed && text != "" {
		p.line("%s\n", text)
	}
}

// diff writes a diff as a block that it cannot end: its fence is longer than any in it.
func (p *page) diff(text string) {
	lines, more := diff(text)
	if len(lines) == 0 {
		return
	}
	fence := "```"
	for strings.Contains(strings.Join(lines, "\n"), fence) {
		fence += "`"
	}
	p.line("%sdiff", fence)
	for _, l := range lines {
		p.line("%s", l)
	}
	if more > 0 {
		p.line("… and %d more lines", more)
	}
	p.line("%s\n", fence)
}

func (p *page) certificates(r slo.Record) {
	rows := [][]string{{"certificate", "became", "healthy", "broken", "end"}}
	list, more := certificates(r)
	for _, l := range list {
		row := []string{markdown(l.name, textShown), l.became()}
		for _, when := range seenAt {
			serial, valid, wrong := l.life(when)
			row = append(row, markdown(joined(serial, valid, wrong), 2*textShown))
		}
		rows = append(rows, row)
	}
	if more > 0 {
		rows = append(rows, []string{fmt.Sprintf("… and %d more", more), "", "", "", ""})
	}
	p.table(rows...)
}

func joined(texts ...string) string {
	var some []string
	for _, t := range texts {
		if t != "" {
			some = append(some, t)
		}
	}
	return strings.Join(some, ", ")
}
