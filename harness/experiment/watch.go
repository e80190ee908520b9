package experiment

import (
	"math"
	"sync"
	"time"

	"github.com/nov30/nov30/harness/slo"
)

// watch follows the probes while an arm runs, only to decide when to go on; the judgement is made from the record.
type watch struct {
	mu     sync.Mutex
	probes map[string]*lastSeen
}

// always is later than any check: no red one is too recent.
const always = time.Duration(math.MaxInt64)

// lastSeen are the scheduled times of a probe's last checks; negative means none.
type lastSeen struct{ green, red time.Duration }

func newWatch(specs []slo.ProbeSpec) *watch {
	w := &watch{probes: map[string]*lastSeen{}}
	for _, s := range specs {
		w.probes[s.Name] = &lastSeen{green: -1, red: -1}
	}
	return w
}

func (w *watch) see(e slo.Event) {
	if e.Kind != slo.Probe {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.probes[e.Name]
	switch {
	case p == nil:
	case e.OK:
		p.green = max(p.green, e.At)
	default:
		p.red = max(p.red, e.At)
	}
}

// notGreen names the probes without a green check scheduled at or after that offset, or with a red one later than the
// last green one, or with a red one scheduled at or after quiet.
func (w *watch) notGreen(since, quiet time.Duration) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var others []string
	for name, p := range w.probes {
		if p.green < since || p.red > p.green || p.red >= quiet {
			others = append(others, name)
		}
	}
	return others
}
