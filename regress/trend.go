package regress

import "math"

// point is the level of a series over some consecutive runs.
type point struct {
	at   int     // its place among the stretches that count
	x    float64 // runs before its middle
	runs float64
	y    float64 // logarithm of the value
}

// curve is a series over the stretches that have it, oldest first.
type curve []point

// level is the mean level, by the number of runs.
func (c curve) level() float64 {
	sum, runs := 0.0, 0.0
	for _, p := range c {
		sum += p.runs * p.y
		runs += p.runs
	}
	return sum / runs
}

func (c curve) runs() (n float64) {
	for _, p := range c {
		n += p.runs
	}
	return n
}

// ends returns the fewest points at the beginning and at the end that have so many runs.
func (c curve) ends(runs float64) (first, now curve) {
	i, n := 0, 0.0
	for ; i < len(c) && n < runs; i++ {
		n += c[i].runs
	}
	j := len(c)
	for n = 0; j > 0 && n < runs; j-- {
		n += c[j-1].runs
	}
	return c[:i], c[j:]
}

// moments are the sums that least squares are made of. Points weigh by their runs.
type moments struct{ w, x, y, xx, xy, yy float64 }

func (m *moments) add(p point, sign float64) {
	w := sign * p.runs
	m.w += w
	m.x += w * p.x
	m.y += w * p.y
	m.xx += w * p.x * p.x
	m.xy += w * p.x * p.y
	m.yy += w * p.y * p.y
}

// apart is the sum of the squared differences from the mean.
func (m *moments) apart() float64 { return max(0, m.yy-m.y*m.y/m.w) }

// centred returns the curve with its mean run and mean level at 0, so that the differences of large sums stay exact. The points from
// the end on are as if they were at the last one before it.
func (c curve) centred(end int) (curve, moments) {
	var m moments
	last := c[end-1].x
	for _, p := range c {
		p.x = min(p.x, last)
		m.add(p, 1)
	}
	x, y := m.x/m.w, m.y/m.w
	made, all := make(curve, len(c)), moments{}
	for i, p := range c {
		p.x = min(p.x, last) - x
		p.y -= y
		made[i] = p
		all.add(p, 1)
	}
	return made, all
}

// bend is a level that lasts up to a point, and grows or falls evenly from there.
type bend struct {
	last  int     // number of the point at which the level ends
	slope float64 // a run
	rest  float64 // sum of the squared differences from the curve, by runs
	sxx   float64 // sum of the squares that the slope rests on
}

// bend fits a level and a line from it to the curve, by least squares over all places where the line can begin. Three points or
// more of those before the end are on the line. The curve is centred, and all has its moments. With upwards the line has to rise.
func (c curve) bend(all moments, end int, upwards bool) (best bend, ok bool) {
	after := all
	for k := 0; k+pointsOfTrend <= end; k++ {
		after.add(c[k], -1)
		x := c[k].x
		h := after.x - x*after.w // sums of h = max(0, x - x of k)
		hh := after.xx - 2*x*after.x + x*x*after.w
		hy := after.xy - x*after.y
		sxx, sxy := hh-h*h/all.w, hy-h*all.y/all.w
		if sxx <= 0 {
			continue
		}
		b := bend{k, sxy / sxx, max(0, all.apart()-sxy*sxy/sxx), sxx}
		if (b.slope > 0 || !upwards) && (!ok || b.rest < best.rest) {
			best, ok = b, true
		}
	}
	return best, ok
}

// growth fits a level, a line upwards from it, and what may be a level again, and returns also the curve that the line is straight
// in, and the number of places that were tried.
func (c curve) growth() (fitted curve, best bend, tried int) {
	each := max(1, len(c)/ends)
	for end := len(c); end >= pointsOfTrend; end -= each {
		centred, all := c.centred(end)
		tried += end - pointsOfTrend + 1
		if b, ok := centred.bend(all, end, true); ok && (fitted == nil || b.rest < best.rest) {
			fitted, best = centred, b
		}
	}
	return fitted, best, tried
}

// ends is how many places are tried at which growth may have ended.
const ends = 8

func (c curve) residuals(b bend) []float64 {
	var level, w float64
	rest := make([]float64, len(c))
	for i, p := range c {
		rest[i] = p.y - b.slope*max(0, p.x-c[b.last].x)
		level += p.runs * rest[i]
		w += p.runs
	}
	for i := range rest {
		rest[i] -= level / w
	}
	return rest
}

// step returns the place at which two levels fit best, as the number of the first point of the second one, and what they leave of
// the curve. The point before may lie between the levels: the change was within its runs.
func (c curve) step(all moments) (from int, rest float64) {
	rest = math.Inf(1)
	var before moments
	after := all
	for i := range len(c) - 1 {
		if left := after; i > 0 {
			left.add(c[i], -1) // without the point i itself
			low, high := before.y/before.w, left.y/left.w
			off := max(0, min(low, high)-c[i].y, c[i].y-max(low, high))
			if s := before.apart() + left.apart() + c[i].runs*off*off; s < rest {
				from, rest = i+1, s
			}
		}
		before.add(c[i], 1)
		after.add(c[i], -1)
		if s := before.apart() + after.apart(); s < rest {
			from, rest = i+1, s
		}
	}
	return from, rest
}

// jump is by how much the levels beside a step differ. It looks at three points on each side, and leaves the point before the step
// out where it lies between the two.
func (c curve) jump(from int) float64 {
	after := c[from:min(from+3, len(c))]
	up := func(before curve) float64 { return median(after.levels()) - median(before.levels()) }
	jump := up(c[max(0, from-3):from])
	if from >= 2 {
		if without := up(c[max(0, from-4) : from-1]); math.Abs(without) > math.Abs(jump) {
			return without
		}
	}
	return jump
}

func (c curve) levels() []float64 {
	y := make([]float64, len(c))
	for i, p := range c {
		y[i] = p.y
	}
	return y
}

// steps returns the numbers of the points at which an abrupt change by least or more begins. What lies before and after one is
// searched likewise. noise is the variance of one run: a step has to be clear of it.
func (c curve) steps(least, noise float64) (found []int) {
	if len(c) < 2 {
		return nil
	}
	centred, all := c.centred(len(c))
	from, _ := centred.step(all)
	if math.Abs(c.jump(from)) < least || !c[max(0, from-near):min(len(c), from+near)].abrupt(noise) {
		return nil
	}
	found = append(c[:from].steps(least, noise), from)
	for _, i := range c[from:].steps(least, noise) {
		found = append(found, from+i)
	}
	return found
}

// near is how many points on each side tell a step from growth.
const near = 5

// abrupt says whether two levels fit the curve better than a level and a line from it, by more than chance.
func (c curve) abrupt(noise float64) bool {
	centred, all := c.centred(len(c))
	_, rest := centred.step(all)
	b, ok := centred.bend(all, len(c), false)
	return !ok || rest+clearly*noise < b.rest
}

// clearly is by how many variances a step has to fit better: four make it seven times as likely as a line.
const clearly = 4
