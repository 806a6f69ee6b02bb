package regress

import (
	"cmp"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// decide confirms what remains conspicuous among so many tests.
func (d *Detector) decide(j *judgement) {
	worseQ, betterQ, singleQ := j.corrected()
	most := d.settings.Q
	if len(j.units) > d.settings.LargeSuite {
		most = d.settings.LargeQ
	}
	speedKnown := !math.IsNaN(j.offsets[totalTime][j.last()])
	at := 0
	for metric := range j.verdicts {
		slower := math.Log(j.speed.ratio[metric])
		divided := d.divided(j.verdicts[metric], slower)
		for i := range j.verdicts[metric] {
			v := &j.verdicts[metric][i]
			if !v.tested() {
				continue
			}
			v.q = singleQ[at]
			if divided {
				v.discount(slower, j.thresholds[metric])
			}
			limit := most
			if v.alone || v.two {
				limit = d.settings.OneRunQ
			}
			// A busy machine makes wall times long. A run or two whose speed is not known prove nothing.
			unproven := (v.alone || v.two) && metric == totalTime && !speedKnown
			switch {
			case v.candidate && v.dir == worse && worseQ[at] <= limit && !unproven:
				v.status, v.q = monitor.StatusRegression, worseQ[at]
			case v.candidate && v.dir == better && betterQ[at] <= min(limit, d.settings.BetterQ):
				v.status, v.q = monitor.StatusImprovement, betterQ[at]
			case v.suspect:
				v.status = monitor.StatusSuspect
			case v.accepted != nil && v.accepted.candidate && v.accepted.dir == worse:
				v.status = monitor.StatusAccepted
			}
			at++
		}
	}
}

// divided says whether something that most tests share became slower or faster, and not the machine: then many of the other
// tests look conspicuous on the other side. slower is how much slower than usual all tests are together, as a logarithm; NaN
// where that is not known.
func (d *Detector) divided(verdicts []verdict, slower float64) bool {
	slow := math.Log(d.settings.SlowRatio)
	tested, left := 0, 0
	for i := range verdicts {
		v := &verdicts[i]
		if !v.tested() {
			continue
		}
		tested++
		if slower > slow && v.candidate && v.dir == better || slower < -slow && v.suspect {
			left++
		}
	}
	return left >= 3 && left*50 >= tested
}

// discount takes back what only the other tests did. A test that looks slower has to be conspicuous without regard to the
// speed of all, and a test that looks faster is no improvement.
func (v *verdict) discount(slower float64, th *thresholds) {
	if v.level+slower < v.limit || v.pooled+slower < v.usual+th.lnRatio {
		v.candidate, v.suspect = v.candidate && v.dir == better, false
	}
	if slower > 0 {
		v.candidate = v.candidate && v.dir == worse
	}
}

// corrected returns the corrected probabilities of all measurements that were tested: of a step up, of a step down, and
// of the judged run alone. A test that only shows another test's step in memory counts as inconspicuous: that step is one
// discovery, and must not make room for others.
func (j *judgement) corrected() (up, down, single []float64) {
	n := metrics * len(j.units)
	up, down, single = make([]float64, 0, n), make([]float64, 0, n), make([]float64, 0, n)
	for metric := range j.verdicts {
		for i := range j.verdicts[metric] {
			v := &j.verdicts[metric][i]
			if !v.tested() {
				continue
			}
			high, low := v.confirmed, 1-v.confirmed
			if v.dir == better {
				high, low = low, high
			}
			alone := v.single
			if metric == memUsage && !j.byPlugin && !v.candidate {
				high, low = 1, 1
			}
			if metric == memUsage && !j.byPlugin && !v.suspect {
				alone = 1
			}
			up, down, single = append(up, high), append(down, low), append(single, alone)
		}
	}
	return corrected(up), corrected(down), corrected(single)
}

// corrected returns for each probability the least share of false ones that is to be expected when it and all smaller
// ones are reported (Benjamini and Hochberg).
func corrected(p []float64) []float64 { return correctedAmong(len(p), p) }

// correctedAmong does the same where there are many probabilities, and those that are not given are 1.
func correctedAmong(many int, p []float64) []float64 {
	order := numbers(len(p))
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	q := make([]float64, len(p))
	least := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(many)/float64(rank))
		q[i] = least
	}
	return q
}
