package report

import (
	"fmt"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// findingsMax is how many kinds of findings of one arm are shown.
const findingsMax = 10

// said is a finding without its evidence: the same one is printed again and again.
type said struct {
	severity            slo.Severity
	kind, culprit, node string
}

func saying(f slo.ToolFinding) said { return said{f.Severity, f.Kind, f.Culprit, f.Node} }

// sayings is one different finding of an arm, with its first evidence.
type sayings struct {
	said
	first    time.Duration // since the origin
	times    int
	evidence string
}

// findings lists what the tool's detector said, each different finding once in the order of the record; more is how many
// are left out.
func findings(r slo.Record) (list []sayings, more int) {
	index, start := map[said]int{}, origin(r)
	for _, e := range r.Events {
		if e.Kind != slo.Finding || e.Finding == nil {
			continue
		}
		s := saying(*e.Finding)
		i, ok := index[s]
		if !ok {
			i = len(list)
			index[s] = i
			list = append(list, sayings{said: s, first: e.At - start, evidence: e.Finding.Evidence})
		}
		list[i].times++
	}
	if more = len(list) - findingsMax; more > 0 {
		return list[:findingsMax], more
	}
	return list, 0
}

// at writes a moment relative to the origin.
func at(d time.Duration) string { return fmt.Sprintf("%+.1f s", d.Seconds()) }
