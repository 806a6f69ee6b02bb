package sqlite

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// judgedMetrics is the number of judged metrics.
const judgedMetrics = len(monitor.JudgedMetrics)

// rollupContent is what a stretch has of its tests, by the id of the test.
type rollupContent struct {
	tests  []uint64 // sorted, each once
	values [judgedMetrics][]float32
}

// rollupFormat is the first byte of a content. Then come the number of tests, the differences of their ids, and the values by metric.
const rollupFormat = 1

func (c *rollupContent) encode() []byte {
	b := make([]byte, 0, 16+len(c.tests)*(2+4*judgedMetrics))
	b = append(b, rollupFormat)
	b = binary.AppendUvarint(b, uint64(len(c.tests)))
	before := uint64(0)
	for _, test := range c.tests {
		b = binary.AppendUvarint(b, test-before)
		before = test
	}
	for _, values := range c.values {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// errRollupContent is the error of a content that cannot be read.
var errRollupContent = errors.New("a stretch of rollups is damaged")

func decodeRollup(b []byte) (*rollupContent, error) {
	from, err := openRollup(b)
	if err != nil {
		return nil, err
	}
	c := &rollupContent{tests: make([]uint64, 0, from.tests)}
	for m := range c.values {
		c.values[m] = make([]float32, 0, from.tests)
	}
	for from.next() {
		c.tests = append(c.tests, from.test)
		for m := range c.values {
			c.values[m] = append(c.values[m], from.value(m))
		}
	}
	return c, nil
}

// rollupCursor reads a content as it is stored, test by test.
type rollupCursor struct {
	ids, values []byte // of the tests after this one, and of all tests
	tests, at   int    // how many there are, and the place of this one
	test        uint64 // its id; 0 before the first one and after the last one
}

// openRollup checks a content, so that reading it does not fail.
func openRollup(b []byte) (c rollupCursor, err error) {
	if len(b) == 0 || b[0] != rollupFormat {
		return c, errRollupContent
	}
	n, used := binary.Uvarint(b[1:])
	if used <= 0 || n > uint64(len(b)) {
		return c, errRollupContent
	}
	c = rollupCursor{ids: b[1+used:], values: b[1+used:], tests: int(n), at: -1}
	test := uint64(0)
	for range n {
		more, used := binary.Uvarint(c.values)
		if used <= 0 || more == 0 || test+more < test {
			return c, errRollupContent
		}
		test, c.values = test+more, c.values[used:]
	}
	if uint64(len(c.values)) != 4*uint64(judgedMetrics)*n {
		return c, errRollupContent
	}
	return c, nil
}

// next goes to the next test. It returns false after the last one.
func (c *rollupCursor) next() bool {
	if c.at+1 >= c.tests {
		c.at, c.test = c.tests, 0
		return false
	}
	more, used := binary.Uvarint(c.ids)
	c.at, c.test, c.ids = c.at+1, c.test+more, c.ids[used:]
	return true
}

func (c *rollupCursor) value(metric int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(c.values[4*(metric*c.tests+c.at):]))
}

// contentOf returns what a run measured. ids has the ids of its tests, 0 for a test that is left out.
func contentOf(v *monitor.RunValues, ids []uint64) *rollupContent {
	order := make([]int, 0, len(ids))
	for i, id := range ids {
		if id != 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
	c := &rollupContent{tests: make([]uint64, len(order))}
	for to, from := range order {
		c.tests[to] = ids[from]
	}
	for m := range c.values {
		c.values[m] = make([]float32, len(order))
		for to, from := range order {
			c.values[m][to] = v.Values[m][from]
		}
	}
	return c
}

// medians returns the medians of what some runs measured.
func medians(runs []*rollupContent) *rollupContent {
	var all []uint64
	for _, r := range runs {
		all = append(all, r.tests...)
	}
	slices.Sort(all)
	c := &rollupContent{tests: slices.Compact(all)}
	for m := range c.values {
		c.values[m] = make([]float32, len(c.tests))
		var some []float64
		at := make([]int, len(runs))
		for i, test := range c.tests {
			some = some[:0]
			for k, r := range runs {
				if at[k] < len(r.tests) && r.tests[at[k]] == test {
					if v := r.values[m][at[k]]; v == v {
						some = append(some, float64(v))
					}
					at[k]++
				}
			}
			c.values[m][i] = float32(median(some))
		}
	}
	return c
}

// median returns the middle of some numbers, NaN of none. It sorts them.
func median(some []float64) float64 {
	n := len(some)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(some)
	return (some[(n-1)/2] + some[n/2]) / 2
}
