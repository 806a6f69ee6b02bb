package sqlite

import (
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
	tests, b, err := decodeRollupTests(b)
	if err != nil {
		return nil, err
	}
	n, c := len(tests), &rollupContent{tests: tests}
	for m := range c.values {
		c.values[m] = make([]float32, n)
		for i := range c.values[m] {
			c.values[m][i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			b = b[4:]
		}
	}
	return c, nil
}

// decodeRollupTests returns the tests of a content, and what follows them.
func decodeRollupTests(b []byte) (tests []uint64, values []byte, err error) {
	if len(b) == 0 || b[0] != rollupFormat {
		return nil, nil, errRollupContent
	}
	b = b[1:]
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)) {
		return nil, nil, errRollupContent
	}
	b = b[used:]
	tests = make([]uint64, n)
	test := uint64(0)
	for i := range tests {
		more, used := binary.Uvarint(b)
		if used <= 0 || more == 0 || test+more < test {
			return nil, nil, errRollupContent
		}
		test += more
		tests[i], b = test, b[used:]
	}
	if uint64(len(b)) != 4*uint64(judgedMetrics)*n {
		return nil, nil, errRollupContent
	}
	return tests, b, nil
}

// contentOf returns what a run measured. ids has the ids of its tests, 0 for a test that is left out.
func contentOf(v *monitor.RunValues, ids []uint64) *rollupContent {
	order := make([]int, 0, len(ids))
	for i, id := range ids {
		if id != 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return int(int64(ids[a]) - int64(ids[b])) })
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
