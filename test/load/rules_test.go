package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each client is a second late with its rows, and so are the answers.
func TestLatencyCountsFromWhenRowsWereDue(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/metrics/") {
			paths <- r.URL.Path
		}
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	c := config{rate: 1000, pytests: 1, bursts: 1, plugins: 1, large: 1, tests: 2, largeTests: 200}
	to, l := target{url: server.URL, bridge: true}, new(ledger)
	for _, p := range beginAll(to, c, l) {
		p.next = 0
		p.tally, p.conn.cutoff = new(tally), time.Now().Add(time.Minute)
		p.step(time.Now().Add(-time.Second))
		require.Len(t, p.tally.kinds[p.kind].all, 1)
		assert.GreaterOrEqual(t, p.tally.kinds[p.kind].all[0], time.Second)
		assert.Equal(t, "/p/"+p.project+"/metrics/", <-paths)
	}
}

func TestWhatIsNotSentUntilTheEndCounts(t *testing.T) {
	t.Parallel()
	var r tally
	r.unsent(kindMonitor, time.Minute)
	r.add(kindMonitor, "metrics/", time.Now(), http.StatusCreated, http.StatusCreated, nil)
	r.sort()
	l := r.kinds[kindMonitor]
	assert.Equal(t, time.Minute, l.percentile(1))
	assert.Equal(t, 1, l.late)
}

func TestTheLoadIsAsLargeAsAsked(t *testing.T) {
	t.Parallel()
	c := config{rate: 3000, pytests: 200, bursts: 10, plugins: 20, large: 2, tests: 1000, largeTests: 50_000}
	for _, bridge := range []bool{true, false} {
		rows := map[string]int{}
		for _, p := range processes(target{bridge: bridge}, c) {
			rows[p.kind] += p.rows * len(schedule(p.gap, p.random, p.first, 100*time.Second))
		}
		for kind, part := range map[string]float64{kindMonitor: 0.4, kindBurst: 0.2, kindPlugin: 0.2, kindLarge: 0.2} {
			assert.InEpsilon(t, part*c.rate*100, rows[kind], 0.05, "%s, bridge: %v", kind, bridge)
		}
	}
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var l latencies
	for n := range 1000 {
		l.all = append(l.all, time.Duration(n+1))
	}
	for part, want := range map[float64]time.Duration{0: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		assert.Equal(t, want, l.percentile(part), part)
	}
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	course := func(of func(n int) float64) (values []float64) {
		for n := range 600 {
			values = append(values, of(n))
		}
		return values
	}
	for name, tt := range map[string]struct {
		values []float64
		slack  float64
		flat   bool
	}{
		"the same":                   {course(func(int) float64 { return 100 }), 0, true},
		"a start, then the same":     {course(func(n int) float64 { return 100 + 100*float64(min(n, 200)) }), 0, true},
		"a leak":                     {course(func(n int) float64 { return 100 + float64(n) }), 0, false},
		"a leak that means nothing":  {course(func(n int) float64 { return 100 + float64(n) }), 1000, true},
		"a peak in the last quarter": {course(func(n int) float64 { return 100 + 1000*float64(n/550) }), 0, true},
		"from nothing":               {course(func(n int) float64 { return float64(n / 450) }), 0, false},
		"too short":                  {[]float64{1, 2, 3}, 0, true},
	} {
		_, flat := growth(tt.values, tt.slack)
		assert.Equal(t, tt.flat, flat, name)
	}
}

func TestTheHighestRateThatHolds(t *testing.T) {
	t.Parallel()
	for _, limit := range []float64{3, 40, 100, 1499, 1500, 2900} {
		got := highest(1500, func(rate float64) bool { return rate <= limit })
		assert.LessOrEqual(t, got, limit)
		assert.Greater(t, 1.1*got, min(limit, 2999))
	}
	assert.Zero(t, highest(1500, func(float64) bool { return false }))
}

// Rows that are lost, doubled or foreign are counted, and those without an answer may be there or not.
func TestTheCheckSeesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fates []fate
		found string // numbers of the stored tests; x is one of another session
		want  kept
	}{
		"all":                {[]fate{accepted, accepted, unsent}, "0 1", kept{stored: 2}},
		"lost":               {[]fate{accepted, accepted}, "1", kept{stored: 1, lost: 1}},
		"doubled":            {[]fate{accepted, accepted}, "0 1 1", kept{stored: 3, doubled: 1}},
		"lost and doubled":   {[]fate{accepted, accepted}, "1 1", kept{stored: 2, doubled: 1, lost: 1}},
		"refused and stored": {[]fate{refused}, "0", kept{stored: 1, foreign: 1}},
		"never sent":         {[]fate{accepted, unsent}, "0 1", kept{stored: 2, foreign: 1}},
		"of nobody":          {[]fate{accepted}, "0 x", kept{stored: 2, foreign: 1}},
		"without an answer":  {[]fate{unknown, unknown}, "1", kept{stored: 1}},
	} {
		l := new(ledger)
		s := l.open(&process{name: "p", tests: len(tt.fates)})
		copy(s.rows, tt.fates)
		var lines []string
		for _, number := range strings.Fields(tt.found) {
			hash := s.hash
			if number == "x" {
				hash, number = "ffffffff"+hash[8:], "0"
			}
			lines = append(lines, `{"session_h": "`+hash+`", "item_variant": "`+variantBegin+number+`, EUR]"}`)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Join(lines, "\n")))
		}))
		var k kept
		require.NoError(t, k.read(server.URL, l))
		server.Close()
		k.lost = l.count()[accepted]
		assert.Equal(t, tt.want, k, name)
		k.delivered = k.stored
		assert.Equal(t, slices.Contains([]string{"all", "without an answer"}, name), k.err() == nil, name)
	}
	assert.Error(t, kept{stored: 1}.err(), "not delivered")
	assert.Error(t, kept{sessions: -1}.err())
	assert.Error(t, kept{outcomes: 1}.err())
}

func TestARateHoldsWhenAllIsAnsweredSoon(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		late   time.Duration
		status int
		err    error
		holds  bool
	}{
		"soon":      {0, http.StatusCreated, nil, true},
		"late":      {2 * bearable, http.StatusCreated, nil, false},
		"refused":   {0, http.StatusInternalServerError, nil, false},
		"no answer": {0, 0, errors.New("closed"), false},
	} {
		r := new(result)
		r.tally.add(kindMonitor, "metrics/", time.Now().Add(-tt.late), tt.status, http.StatusCreated, tt.err)
		assert.Equal(t, tt.holds, r.holds(), name)
	}
}
