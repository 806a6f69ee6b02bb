package influx

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What one question puts in order is not what another one reads.
func TestAroundLeavesSharedStartsAlone(t *testing.T) {
	t.Parallel()
	shared := append(make([]int64, 0, 16), 10, 20, 30)
	sc := newScan("bucket", MetricMeasurement, presentField)
	sc.starts = shared
	sc.around([]entry{{at: 5}, {at: 20}, {at: 25}})
	require.Equal(t, []int64{5, 10, 20, 25, 30}, sc.starts)
	require.Equal(t, []int64{10, 20, 30, 0, 0, 0}, shared[:6])
}

// Rates are remembered for the same question, and for no other.
func TestScanIsKnownAgain(t *testing.T) {
	t.Parallel()
	some := func(change func(*scan)) scanID {
		sc := newScan("bucket", MetricMeasurement, presentField)
		change(sc)
		return sc.id()
	}
	sessions := []entry{{session: session{"p", "a"}, at: 5}, {session: session{"p", "b"}, at: 20}, {session: session{"q", "c"}, at: 30},
		{session: session{"q", "d"}, at: 40}}
	changes := map[string]func(*scan){
		"all":       func(*scan) {},
		"project":   func(sc *scan) { sc.ofProject("p") },
		"other":     func(sc *scan) { sc.ofProject("q") },
		"component": func(sc *scan) { sc.equals("component", "p") },
		"sessions":  func(sc *scan) { sc.ofSessions(sessions) },
		"fewer":     func(sc *scan) { sc.ofSessions(sessions[:3]) },
		"around":    func(sc *scan) { sc.around(sessions) },
		"near few":  func(sc *scan) { sc.around(sessions[:3]) },
	}
	found := map[scanID]string{}
	for name, change := range changes {
		id := some(change)
		require.Empty(t, found[id], name)
		require.Equal(t, id, some(change), name)
		found[id] = name
	}
	require.Equal(t, "all", found[everyMetric])
}

// InfluxQL is not asked for a tag with two values, which nothing has.
func TestTagWithTwoValues(t *testing.T) {
	t.Parallel()
	sc := newScan("bucket", MetricMeasurement, presentField)
	sc.equals("component", "a")
	sc.equals("component", "a")
	require.NotNil(t, sc.rows)
	sc.equals("component", "b")
	require.Nil(t, sc.rows)
	sc.equals("component", "b")
	require.Nil(t, sc.rows)
}
