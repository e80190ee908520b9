package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// findingsMax is how many kinds of findings of one arm are shown.
const findingsMax = 10

// arm writes the timeline of an arm, what the tool said, and what the probes saw.
func (p *page) arm(a slo.Arm, v slo.ArmVerdict, r slo.Record) {
	p.line("### %s: %s\n", markdown(string(a), nameMax), state(v.State))
	for _, m := range v.Timeline {
		if m.Detail == "" {
			p.line("- `%+.1f s` %s", m.AtS, markdown(m.Name, nameMax))
		} else {
			p.line("- `%+.1f s` %s: %s", m.AtS, markdown(m.Name, nameMax), markdown(m.Detail, textShown))
		}
	}
	if len(v.Timeline) > 0 {
		p.line("")
	}
	p.findings(r)
	p.probes(r)
	p.phases(r)
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

// said is a finding without its evidence: the same one is printed again and again.
type said struct {
	severity            slo.Severity
	kind, culprit, node string
}

// findings lists what the tool's detector said, each different finding once with its first evidence.
func (p *page) findings(r slo.Record) {
	times, first, order := map[said]int{}, map[said]slo.Event{}, []said{}
	for _, e := range r.Events {
		if e.Kind != slo.Finding || e.Finding == nil {
			continue
		}
		s := said{e.Finding.Severity, e.Finding.Kind, e.Finding.Culprit, e.Finding.Node}
		if times[s]++; times[s] == 1 {
			first[s], order = e, append(order, s)
		}
	}
	rows := [][]string{{"the tool said", "culprit", "node", "first", "times", "evidence"}}
	for i, s := range order {
		if i == findingsMax {
			rows = append(rows, []string{fmt.Sprintf("… and %d more", len(order)-i), "", "", "", "", ""})
			break
		}
		f := first[s].Finding
		rows = append(rows, []string{markdown(string(s.severity)+" "+s.kind, nameMax), markdown(s.culprit, nameMax), or(markdown(s.node, nameMax), "–"),
			fmt.Sprintf("%+.1f s", (first[s].At - origin(r)).Seconds()), strconv.Itoa(times[s]), or(markdown(f.Evidence, textShown), "–")})
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
