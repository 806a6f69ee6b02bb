package regress

import (
	"cmp"
	"slices"
)

// corrected returns for each probability the least share of false ones that is to be expected when it and all smaller
// ones are reported (Benjamini and Hochberg).
func corrected(p []float64) []float64 {
	type place struct {
		p float64
		i int32
	}
	order := make([]place, len(p))
	for i := range p {
		order[i] = place{p[i], int32(i)}
	}
	slices.SortFunc(order, func(a, b place) int { return cmp.Compare(a.p, b.p) })
	q := make([]float64, len(p))
	least := 1.0
	for rank := len(order); rank > 0; rank-- {
		at := order[rank-1]
		least = min(least, at.p*float64(len(p))/float64(rank))
		q[at.i] = least
	}
	return q
}
