package web

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestANameStandsForOneTest(t *testing.T) {
	all := []monitor.Series{{}, {Project: "a", Component: "b"}, {Project: "ab"}, {Project: "a", ItemPath: "b"}, {Component: "a\x00", Item: "\x01b"},
		{Project: "p", Component: "c", ItemPath: "tests.m", Item: "test_\xff", ItemVariant: strings.Repeat("é", 7500), Kind: "function"}}
	names := map[testName]bool{}
	for _, series := range all {
		name := testName(appendName(nil, &series))
		assert.Equal(t, series, name.Series())
		names[name] = true
	}
	assert.Len(t, names, len(all))
}

// largeStore has five runs with as many tests as n says.
type largeStore struct {
	Store
	n int
}

func (largeStore) RunInfos(context.Context, monitor.RunInfoQuery) (infos []*monitor.RunInfo, _ error) {
	for i := range 5 {
		infos = append(infos, &monitor.RunInfo{ID: fmt.Sprint(i)})
	}
	return infos, nil
}

func (largeStore) UnusualTests(context.Context, string, string, int) ([]monitor.RunTest, error) {
	return nil, nil
}

func (s largeStore) Samples(_ context.Context, _ monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		for n := range s.n {
			item := fmt.Sprint("test_", n)
			series := &monitor.Series{Project: "shop", ItemPath: "tests.test_shop", Item: item, ItemVariant: item, Kind: monitor.KindFunction}
			for _, run := range runs {
				if !yield(monitor.Sample{Run: run, Series: series, Env: "machine", Location: "tests/test_shop.py", Start: int64(n), TotalTime: 1}, nil) {
					return
				}
			}
		}
	}
}

// The garbage collector visits each object that is alive, and clients that post wait for it. So a run in memory is few objects,
// however many tests it has.
func TestARunInMemoryIsFewObjects(t *testing.T) {
	p := New(Parts{Store: largeStore{n: 5000}})
	alive := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the first one may only have begun to sweep
		runtime.ReadMemStats(&m)
		return int64(m.HeapObjects)
	}
	before := alive()
	s, err := p.readSnapshot(t.Context(), &monitor.RunInfo{ID: "head"}, nil)
	require.NoError(t, err)
	require.Len(t, s.tests, 5000)
	assert.Less(t, alive()-before, int64(1000))
	runtime.KeepAlive(s)
}

// failingStore has attempts that failed: of a test that was measured too, and two of one that never was.
type failingStore struct{ largeStore }

func (failingStore) UnusualTests(context.Context, string, string, int) (tests []monitor.RunTest, _ error) {
	for i, item := range []string{"test_1", "test_gone", "test_gone"} {
		tests = append(tests, monitor.RunTest{Env: "machine", Start: int64(1e6 * (i + 1)), TotalTime: math.NaN(), Outcome: monitor.OutcomeFailed, Attempts: 1,
			Series: monitor.Series{Project: "shop", ItemPath: "tests.test_shop", Item: item, ItemVariant: item, Kind: monitor.KindFunction}})
	}
	return tests, nil
}

func TestAttemptsThatFailedAreOfTheSameTest(t *testing.T) {
	p := New(Parts{Store: failingStore{largeStore{n: 3}}})
	s, err := p.readSnapshot(t.Context(), &monitor.RunInfo{ID: "head"}, nil)
	require.NoError(t, err)
	var got []string
	for i := range s.tests {
		one := &s.tests[i]
		got = append(got, fmt.Sprintln(one.Series().Item, one.Occurrence, one.Before, one.Outcome))
	}
	assert.Equal(t, []string{"test_0 0 1 \n", "test_1 0 1 \n", "test_2 0 1 \n", "test_1 1 1 failed\n", "test_gone 0 NaN failed\n", "test_gone 1 NaN failed\n"}, got)
}
