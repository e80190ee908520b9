package bench

import (
	"fmt"
	"math"
)

// scale is the axis of the plot: seconds from 0, so that lengths compare as times do.
type scale struct{ most float64 }

// scaleOf is a scale on which every sample and every target is to be seen.
func scaleOf(rows []row) scale {
	most := 0.0
	for _, w := range rows {
		if w.measured {
			most = max(most, w.spread.Max.Seconds())
		}
		if at, ok := w.bound(rows); ok {
			most = max(most, at)
		}
	}
	if most == 0 {
		most = 1
	}
	return scale{most * 1.04}
}

// x is where a time lies.
func (s scale) x(at float64) string {
	return fmt.Sprintf("%.1f", plotLeft+(plotRight-plotLeft)*min(max(at/s.most, 0), 1))
}

// ticks are some round times from 0 on, between three and eight.
func (s scale) ticks() []tick {
	step := math.Pow(10, math.Floor(math.Log10(s.most)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if s.most/(step*part) < 8 {
			step *= part
			break
		}
	}
	var list []tick
	for i := 0; float64(i)*step <= s.most && i < 10; i++ {
		at := float64(i) * step
		list = append(list, tick{s.x(at), fmt.Sprintf("%g", math.Round(at*1e6)/1e6)})
	}
	return list
}
