package bench

import (
	"math"
	"slices"
	"time"
)

// spread is what a way's samples say.
type spread struct {
	Median, Min, Max time.Duration
	// MAD is the median of the samples' distances from their median, not scaled to any distribution.
	MAD time.Duration
}

// times are the samples that have a time.
func (m Measured) times() []time.Duration {
	var all []time.Duration
	for _, s := range m.Samples {
		if s.Error == "" {
			all = append(all, s.Took)
		}
	}
	return all
}

// spread says how a way's samples lie; without a sample there is none.
func (m Measured) spread() (spread, bool) {
	all := m.times()
	if len(all) == 0 {
		return spread{}, false
	}
	s := spread{Median: median(all), Min: slices.Min(all), Max: slices.Max(all)}
	var off []time.Duration
	for _, t := range all {
		off = append(off, (t - s.Median).Abs())
	}
	s.MAD = median(off)
	return s, true
}

// median is the middle one, or the mean of the two in the middle. There must be one.
func median[T time.Duration | float64](all []T) T {
	all = slices.Sorted(slices.Values(all))
	mid := len(all) / 2
	if len(all)%2 == 1 {
		return all[mid]
	}
	return all[mid-1] + (all[mid]-all[mid-1])/2
}

// ratio is how a way compares with the baseline, by the rounds in which both have a time.
type ratio struct {
	// OfMedians is the way's median divided by the baseline's.
	OfMedians float64
	// Low and High enclose the median of the ratios within a round, with this confidence.
	Low, High, Confidence float64
	Rounds                int
}

// wanted is the confidence that a range is to have. Few rounds cannot give it: five give 93.75 %.
const wanted = 0.95

// ratio compares with the baseline. The range is that of the ratios within a round, since what slows a machine down slows
// both ways of a round down: the narrowest pair of order statistics, equally far from both ends, that encloses the median
// with 95 % confidence, or the smallest and the greatest where there are too few. With those two it always encloses
// OfMedians. It assumes no distribution and draws no random numbers: the same samples give the same range. A bootstrap of
// so few samples promises more than it holds.
//
// Source: H. A. David, H. N. Nagaraja, Order Statistics, 3rd edition (2003), section 7.1.
func (m Measured) ratio(baseline Measured) (ratio, bool) {
	var own, base []time.Duration
	var each []float64
	for _, s := range m.Samples {
		for _, b := range baseline.Samples {
			if s.Round == b.Round && s.Error == "" && b.Error == "" && b.Took > 0 {
				own, base, each = append(own, s.Took), append(base, b.Took), append(each, float64(s.Took)/float64(b.Took))
			}
		}
	}
	if len(each) == 0 {
		return ratio{}, false
	}
	slices.Sort(each)
	from, confidence := enclosing(len(each))
	return ratio{OfMedians: float64(median(own)) / float64(median(base)), Low: each[from], High: each[len(each)-1-from],
		Confidence: confidence, Rounds: len(each)}, true
}

// enclosing is how many of n sorted samples to leave out at each end so that the others still enclose the median of what
// they are drawn from with the wanted confidence: 1 - 2 P(B ≤ k) for k left out, B binomial with n and 1/2.
func enclosing(n int) (out int, confidence float64) {
	below := math.Pow(0.5, float64(n)) // P(B ≤ 0)
	term := below
	confidence = 1 - 2*below
	for k := 1; k < n-k; k++ {
		term *= float64(n-k+1) / float64(k)
		below += term
		if 1-2*below < wanted {
			break
		}
		out, confidence = k, 1-2*below
	}
	return out, max(0, confidence)
}

// parts are the medians of a way's parts, in the order in which they first came.
func (m Measured) parts() []partMedian {
	var list []partMedian
	for _, s := range m.Samples {
		if s.Error != "" {
			continue
		}
		for _, p := range s.Parts {
			i := slices.IndexFunc(list, func(l partMedian) bool { return l.name == p.Name })
			if i < 0 {
				i, list = len(list), append(list, partMedian{name: p.Name})
			}
			list[i].all = append(list[i].all, p.Took)
		}
	}
	return list
}

// partMedian is a part over the samples that have it.
type partMedian struct {
	name string
	all  []time.Duration
}

func (p partMedian) median() time.Duration { return median(p.all) }
