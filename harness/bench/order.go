package bench

import "slices"

// order is in which order the ways are done in a round, from 0. What a way leaves behind, warm caches or a tired disk, may
// help or hinder the one that comes next, so neither its place nor what comes before it may always be the same: a Latin
// square balanced for what precedes directly. In as many rounds as there are ways each has every place once; where their
// number is odd it takes as many rounds again, with the orders turned around, until each has come after every other equally
// often.
//
// Source: E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, Australian
// Journal of Scientific Research A 2 (1949) 149–168.
func order(round, ways int) []int {
	list := make([]int, ways)
	for i := range list {
		step := (i + 1) / 2 // 0, 1, n-1, 2, n-2 …
		if i%2 == 0 {
			step = ways - step
		}
		list[i] = (step + round) % ways
	}
	if ways%2 == 1 && round/ways%2 == 1 {
		slices.Reverse(list)
	}
	return list
}
