package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// momentsMax is how many moments of an arm are listed.
const momentsMax = 100

// arm writes the timeline of an arm, what the tool said and changed, and what the probes saw.
func (p *page) arm(a slo.Arm, v slo.Verdict, r slo.Record) {
	p.line("### %s: %s\n", markdown(string(a), nameMax), state(v.Arms[a].State))
	timeline := v.Arms[a].Timeline
	for i, m := range timeline {
		if i == momentsMax {
			p.line("- … and %d more, see %s", len(timeline)-i, VerdictsFile)
			break
		}
		if m.Detail == "" {
			p.line("- `%+.1f s` %s", m.AtS, markdown(m.Name, nameMax))
		} else {
			p.line("- `%+.1f s` %s: %s", m.AtS, markdown(m.Name, nameMax), markdown(m.Detail, textShown))
		}
	}
	if len(timeline) > 0 {
		p.line("")
	}
	p.findings(r)
	p.changes(a, v, r)
	p.certificates(r)
	p.probes(r)
	p.phases(r)
	if text := punctuality(r); text != "" {
		p.line("%s\n", text)
	}
}

func (p *page) phases(r slo.Record) {
	head, took := []string{"phase"}, []string{"took"}
	for _, s := range phases(r) {
		head = append(head, markdown(s.name, nameMax))
		took = append(took, fmt.Sprintf("%.1f s", (s.to-s.from).Seconds()))
	}
	if len(head) > 1 {
		p.table(head, took)
	}
}

func (p *page) probes(r slo.Record) {
	rows := [][]string{{"probe", "phase", "checks", "red", "p50", "p99", "max", "status codes"}}
	for _, s := range stats(r) {
		rows = append(rows, []string{markdown(s.probe, nameMax), markdown(s.phase, nameMax), strconv.Itoa(s.checks), strconv.Itoa(s.red),
			s.quantile(50), s.quantile(99), s.quantile(100), or(s.statusCodes(), "–")})
	}
	p.table(rows...)
}

func (p *page) findings(r slo.Record) {
	rows := [][]string{{"the tool said", "culprit", "node", "first", "times", "evidence"}}
	list, more := findings(r)
	for _, f := range list {
		rows = append(rows, []string{markdown(string(f.severity)+" "+f.kind, nameMax), markdown(f.culprit, nameMax), or(markdown(f.node, nameMax), "–"),
			at(f.first), strconv.Itoa(f.times), or(markdown(f.evidence, textShown), "–")})
	}
	if more > 0 {
		rows = append(rows, []string{fmt.Sprintf("… and %d more", more), "", "", "", "", ""})
	}
	p.table(rows...)
}

// origin is what the offsets of an arm are relative to: the injection, or the steady phase where there is none.
func origin(r slo.Record) time.Duration {
	at := time.Duration(0)
	for _, s := range phases(r) {
		switch s.name {
		case slo.PhaseInject:
			return s.from
		case slo.PhaseSteady:
			at = s.from
		}
	}
	return at
}
