package probe

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/nov30/nov30/harness/slo"
)

// latencyMax is the longest time a histogram can hold; no time-out is longer.
const latencyMax = time.Minute

// Latencies is one histogram of microseconds for each probe that has events, red checks included: a check that timed out
// counts with its time-out. The load is an open loop, so nothing needs to be corrected for omitted checks.
func Latencies(events []slo.Event) (map[string]*hdrhistogram.Histogram, error) {
	out := map[string]*hdrhistogram.Histogram{}
	for _, e := range events {
		if e.Kind != slo.Probe {
			continue
		}
		h := out[e.Name]
		if h == nil {
			h = hdrhistogram.New(1, latencyMax.Microseconds(), 3)
			out[e.Name] = h
		}
		took := min(max(e.Took, time.Microsecond), latencyMax)
		if err := h.RecordValue(took.Microseconds()); err != nil {
			return nil, fmt.Errorf("probe %s at %v took %v: %w", e.Name, e.At, e.Took, err)
		}
	}
	return out, nil
}
