package regress_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// large is the rollups of a large suite, in folders of 50 tests. In some of the tests a share grows.
func large(tests, stretches, growing int) *monitor.Rollups {
	c := newCourse(15)
	r := &monitor.Rollups{Env: "m"}
	for i := range stretches {
		r.Stretches = append(r.Stretches, monitor.Stretch{First: mark(8*i, c.apart), Last: mark(8*i+7, c.apart), Runs: 8})
	}
	for metric := range r.Values {
		r.Values[metric] = make([][]float32, tests)
	}
	for i := range tests {
		r.Tests = append(r.Tests, monitor.TestID{ItemPath: "tests.m", Item: fmt.Sprint("test_", i), ItemVariant: fmt.Sprint("test_", i)})
		r.Files = append(r.Files, fmt.Sprintf("tests/a%d/b%d/test_%d.py", i/5000, i/500, i/50))
		for metric := range r.Values {
			values := make([]float32, stretches)
			for at := range values {
				grown := 0.0
				if growing > 0 && i%growing == 0 {
					grown = 0.01 * float64(at)
				}
				values[at] = float32([]float64{0.4, 120, 0.6}[metric] * math.Exp(grown) * c.noise([]float64{0.05, 0.002, 0.05}[metric]))
			}
			r.Values[metric][i] = values
		}
	}
	return r
}

// BenchmarkDrift looks for slow growth in 50,000 tests and 512 runs.
func BenchmarkDrift(b *testing.B) {
	for name, growing := range map[string]int{"no growth": 0, "a tenth grows": 10} {
		b.Run(name, func(b *testing.B) {
			r := large(50_000, 64, growing)
			d, err := regress.New(regress.Defaults())
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				d.Drift(r, nil, nil)
			}
		})
	}
}

// TestMemoryOfLargeDrifts holds that looking for slow growth copies no rollups: they have 768 bytes for a test with 64 stretches. It
// runs by itself, since it counts what is allocated.
func TestMemoryOfLargeDrifts(t *testing.T) {
	const tests = 4_000
	r := large(tests, 64, 0)
	d, err := regress.New(regress.Defaults())
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d.Drift(r, nil, nil)
	runtime.ReadMemStats(&after)
	require.Less(t, float64(after.TotalAlloc-before.TotalAlloc)/tests, 768.0, "bytes for each test")
}
