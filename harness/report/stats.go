package report

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nov30/nov30/harness/slo"
)

// span is one phase of an arm.
type span struct {
	name     string
	from, to time.Duration
}

// phases are the phases of an arm in order. The last one of an arm that was broken off ends with its last event.
func phases(r slo.Record) []span {
	var spans []span
	last := time.Duration(0)
	for _, e := range r.Events {
		if e.Kind == slo.Phase {
			spans = append(spans, span{name: e.Name, from: e.At})
		}
		last = max(last, e.At)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := range spans {
		if spans[i].to = last; i+1 < len(spans) {
			spans[i].to = spans[i+1].from
		}
	}
	return slices.DeleteFunc(spans, func(s span) bool { return s.name == slo.PhaseEnd })
}

// latencyMax is the longest time that a histogram tells apart.
const latencyMax = time.Hour

// stat is what one probe did in one phase. Checks that turned red count in the latencies, too: a user waits for those.
type stat struct {
	probe, phase string
	checks, red  int
	latency      *hdrhistogram.Histogram // microseconds, to three digits
	codes        map[string]int          // how often a check named a status code
}

// statusCode finds an HTTP status that a check names in its detail or its error.
var statusCode = regexp.MustCompile(`\b(?:status|HTTP)[ =:]+([1-5][0-9]{2})\b`)

// stats counts the checks of every probe in every phase, probes in the order of the spec.
func stats(r slo.Record) []stat {
	var all []stat
	spans := phases(r)
	for _, p := range r.Spec.Probes {
		for _, s := range spans {
			all = append(all, count(r, p.Name, s))
		}
	}
	return all
}

func count(r slo.Record, probe string, s span) stat {
	st := stat{probe: probe, phase: s.name, latency: hdrhistogram.New(1, latencyMax.Microseconds(), 3), codes: map[string]int{}}
	for _, e := range r.Events {
		if e.Kind != slo.Probe || e.Name != probe || e.At < s.from || e.At >= s.to {
			continue
		}
		st.checks++
		if !e.OK {
			st.red++
		}
		took := min(max(e.Took, time.Microsecond), latencyMax)
		_ = st.latency.RecordValue(took.Microseconds()) // cannot fail: the line above keeps to the histogram's range
		if m := statusCode.FindStringSubmatch(e.Detail + " " + e.Error); m != nil {
			st.codes[m[1]]++
		}
	}
	return st
}

// quantile writes a latency; where nothing was measured it says so.
func (s stat) quantile(percent float64) string {
	if s.checks == 0 {
		return "–"
	}
	d := time.Duration(s.latency.ValueAtQuantile(percent)) * time.Microsecond
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}

func (s stat) statusCodes() string {
	var codes []string
	for _, c := range slices.Sorted(maps.Keys(s.codes)) {
		codes = append(codes, fmt.Sprintf("%s × %d", c, s.codes[c]))
	}
	return strings.Join(codes, ", ")
}
