package kill

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// figures collects how long it took to restore, by who did.
type figures struct {
	mu    sync.Mutex
	times map[manner]*hdrhistogram.Histogram
	broke int // how often something was broken at that moment
}

func newFigures() *figures { return &figures{times: map[manner]*hdrhistogram.Histogram{}} }

func (f *figures) add(m manner, d time.Duration, broke bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if broke {
		f.broke++
	}
	h := f.times[m]
	if h == nil {
		h = hdrhistogram.New(1, limit.Microseconds(), 3)
		f.times[m] = h
	}
	return h.RecordValue(d.Microseconds())
}

func (f *figures) String() string {
	text := ""
	for _, m := range []manner{harness, whileReverting, both, guardianAlone} {
		if h := f.times[m]; h != nil {
			text += fmt.Sprintf("\n%-26s %3d killed; restored after p50 %v, p99 %v, max %v", m, h.TotalCount(), f.at(m, 50), f.at(m, 99), f.at(m, 100))
		}
	}
	return text
}

// at gives a percentile; 0 where nothing was recorded.
func (f *figures) at(m manner, percentile float64) time.Duration {
	h := f.times[m]
	if h == nil {
		return 0
	}
	return (time.Duration(h.ValueAtPercentile(percentile)) * time.Microsecond).Round(time.Millisecond)
}
