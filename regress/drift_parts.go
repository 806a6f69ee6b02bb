package regress

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat"

	"pymon-bridge/monitor"
)

// place is a part of a suite.
type place struct {
	kind monitor.PartKind
	name string
}

// group has the tests of one component and folder.
type group struct {
	component, folder string
	tests             []int // in the order of their names, so that sums are always the same
}

// part is the growth of a part in one metric.
type part struct {
	monitor.PartDrift
	trend
}

// groupsOf sorts the tests by component and folder, and says for each part which groups it has.
func groupsOf(r *monitor.Rollups) (groups []group, places map[place][]int) {
	known, order := map[[2]string]int{}, numbers(len(r.Tests))
	folders := map[string]string{"": ""} // by file, as many tests have the same
	slices.SortFunc(order, func(a, b int) int { return r.Tests[a].Compare(&r.Tests[b]) })
	places = map[place][]int{}
	for _, i := range order {
		key := [2]string{r.Tests[i].Component, ""}
		if len(r.Files) > 0 {
			folder, ok := folders[r.Files[i]]
			if !ok {
				folder = append(monitor.Folders(r.Files[i]), "")[0]
				folders[r.Files[i]] = folder
			}
			key[1] = folder
		}
		g, ok := known[key]
		if !ok {
			g = len(groups)
			known[key] = g
			groups = append(groups, group{component: key[0], folder: key[1]})
			in := []place{{monitor.PartSuite, ""}}
			if key[0] != "" {
				in = append(in, place{monitor.PartComponent, key[0]})
			}
			for _, folder := range monitor.Folders(key[1] + "/x") {
				in = append(in, place{monitor.PartFolder, folder})
			}
			for _, p := range in {
				places[p] = append(places[p], g)
			}
		}
		groups[g].tests = append(groups[g].tests, i)
	}
	return groups, places
}

// sums are the sums over some tests at the present speed of the machine.
type sums struct {
	both  []float64 // by point, of the tests that both levels have
	tests int       // number of these
	// fresh is of the tests that only the present level has, gone of those that only the first level has.
	fresh, gone float64
}

func (s *sums) add(o *sums) {
	for i, x := range o.both {
		s.both[i] += x
	}
	s.tests += o.tests
	s.fresh += o.fresh
	s.gone += o.gone
}

// window is where the first and the present level of a part are.
type window struct{ from, first, now int } // points: the first one, the one after the first level, the first of the present level

// window returns the levels of a part from a point on, at least two stretches each, for a test may be missing in one.
func (s *series) window(from int) (window, bool) {
	axis := s.axis[from:]
	if !s.enough(axis) {
		return window{}, false
	}
	first, now := axis.ends(float64(s.settings.Drift.LevelRuns))
	return window{from, from + max(2, len(first)), len(s.axis) - max(2, len(now))}, true
}

// sum adds up the tests of a group.
func (s *series) sum(g *group, w window, levels []float64) *sums {
	made := &sums{both: make([]float64, len(s.axis))}
	for _, i := range g.tests {
		first, now := s.filled(i, w, levels)
		switch {
		case first && now:
			made.tests++
			for at, v := range levels[w.from:] {
				made.both[w.from+at] += v
			}
		case now:
			made.fresh += stat.Mean(levels[w.now:], nil)
		case first:
			made.gone += stat.Mean(levels[w.from:w.first], nil)
		}
	}
	return made
}

// filled puts the values of a test into levels, by point, and says whether the first and the present level have it. Where a value
// is missing, the one before it counts, or else the next one. What was before a step or an acceptance counts as what came after.
func (s *series) filled(i int, w window, levels []float64) (first, now bool) {
	start := max(w.from, s.restarts[i])
	begin, end := w.from, w.first
	if accepted := s.starts.accepted[i]; accepted > w.from {
		begin, end = accepted, accepted+2
	}
	known, from := math.NaN(), len(levels)
	for at := w.from; at < len(levels); at++ {
		v := s.value(i, at)
		if !math.IsNaN(v) {
			first = first || at >= begin && at < end
			now = now || at >= w.now
			if known = v; at >= start {
				from = min(from, at)
			}
		}
		levels[at] = known
	}
	if from == len(levels) {
		return false, false
	}
	for at := w.from; at < from; at++ {
		levels[at] = levels[from]
	}
	return first, now
}

// parts looks for slow growth of the suite, its components and folders.
func (s *series) parts() []part {
	var found []part
	at0 := make([]*sums, len(s.groups))
	w, ok := s.window(0)
	if !ok {
		return nil
	}
	each(len(s.groups), func(i int) { at0[i] = s.sum(&s.groups[i], w, make([]float64, len(s.axis))) })
	for p, groups := range s.places {
		s.lookedParts++
		if made := s.part(p, groups, at0); made != nil {
			found = append(found, *made)
		}
	}
	return found
}

// part looks for slow growth of a part. whole has the sums of all groups over all points.
func (s *series) part(p place, groups []int, whole []*sums) *part {
	for from := 0; ; {
		w, ok := s.window(from)
		if !ok {
			return nil
		}
		all := &sums{both: make([]float64, len(s.axis))}
		for _, g := range groups {
			if from == 0 {
				all.add(whole[g])
			} else {
				all.add(s.sum(&s.groups[g], w, make([]float64, len(s.axis))))
			}
		}
		c := s.total(p, all, from)
		ratio := math.Log(s.settings.Drift.PartRatio)
		if p.kind == monitor.PartSuite {
			ratio = s.th.lnRatio
		}
		if steps := c.steps(s.settings.Drift.Step*ratio, 0); len(steps) > 0 {
			from = c[steps[len(steps)-1]].at
			continue
		}
		t := s.trend(c, inTests, 0, func(first, now curve) bool { return s.above(first, now, ratio) })
		if p.kind == monitor.PartSuite {
			t = s.suite(c)
		}
		if t == nil {
			return nil
		}
		made := &part{trend: *t, PartDrift: monitor.PartDrift{Kind: p.kind, Part: p.name, Env: s.Env,
			Metric: monitor.JudgedMetrics[s.metric].Name, Tests: all.tests}}
		s.divide(made, all, w)
		return made
	}
}

// suite tells slow growth of the whole suite from chance. What all tests share varies more and lasts longer than what one of them
// does, so only the curve itself says by how much.
func (s *series) suite(c curve) *trend {
	if s.time > rhythm.from && s.time < rhythm.to {
		return nil
	}
	return s.trend(c, 0, 0, func(first, now curve) bool {
		low, high := first.level(), now.level()
		whole := s.shared.gain(first, now, math.Min) - s.shared.gain(first, now, func(slow, _ float64) float64 { return slow })
		return high-low+whole >= s.th.lnRatio && math.Exp(high)-math.Exp(low) >= s.th.Delta
	})
}

// rhythm is how long a history is that may be a part of the rhythm of a day: a machine is busier by day than by night.
var rhythm = struct{ from, to time.Duration }{time.Hour, 3 * 24 * time.Hour}

// total is the sum over the tests of a part as a curve. The suite has what all tests slowly gained, too.
func (s *series) total(p place, all *sums, from int) curve {
	var c curve
	for _, x := range s.axis[from:] {
		if x.y = math.Log(all.both[x.at]); p.kind == monitor.PartSuite {
			x.y += s.shared.slow[x.at]
		}
		if !math.IsNaN(x.y) && !math.IsInf(x.y, 0) {
			c = append(c, x)
		}
	}
	return c
}

// divide says where the growth of a part comes from.
func (s *series) divide(p *part, all *sums, w window) {
	before, now := stat.Mean(all.both[w.from:w.first], nil), stat.Mean(all.both[w.now:], nil)
	speed := math.Exp(mean(s.shared.offset, s.axis[w.from:w.first]))
	p.FromSlower = monitor.Number(now - before)
	p.FromNew = monitor.Number(all.fresh - all.gone)
	p.Machine = monitor.Number((1 - speed) * (before + all.gone))
	p.Growth = p.FromSlower + p.FromNew + p.Machine
}

// partsOf returns the parts whose growth is more than chance, in the order of [monitor.Drifts].
func (d *Detector) partsOf(h *pastRuns, found []part) []monitor.PartDrift {
	p := make([]float64, len(found))
	for i := range found {
		p[i] = found[i].p
	}
	parts := []monitor.PartDrift{}
	for i, q := range correctedAmong(h.lookedParts, p) {
		if q <= d.settings.Drift.PartQ {
			made := found[i].PartDrift
			made.Drift = h.drift(&found[i].trend, q)
			parts = append(parts, made)
		}
	}
	kinds := []monitor.PartKind{monitor.PartSuite, monitor.PartComponent, monitor.PartFolder}
	slices.SortFunc(parts, func(a, b monitor.PartDrift) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(b.Growth, a.Growth),
			strings.Compare(a.Part, b.Part), strings.Compare(a.Metric, b.Metric))
	})
	return parts
}
