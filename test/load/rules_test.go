package main

import (
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
	r.unsent(kindMonitor, 1, time.Now().Add(-time.Minute))
	r.add(kindMonitor, "metrics/", time.Now(), http.StatusCreated, http.StatusCreated, nil)
	r.sort()
	l := r.kinds[kindMonitor]
	assert.GreaterOrEqual(t, l.percentile(1), time.Minute)
	assert.Equal(t, 1, l.late)
	assert.Equal(t, 1, r.missed)
}

func TestTheLoadIsAsLargeAsAsked(t *testing.T) {
	t.Parallel()
	c := config{rate: 3000, pytests: 200, bursts: 10, plugins: 20, large: 2, tests: 1000, largeTests: 50_000}
	for _, tt := range []struct {
		c     config
		parts map[string]float64
	}{
		{c, map[string]float64{kindMonitor: 0.4, kindBurst: 0.2, kindPlugin: 0.2, kindLarge: 0.2}},
		{c.monitorOnly(c.rate, c.duration), map[string]float64{kindMonitor: 2. / 3, kindBurst: 1. / 3}},
	} {
		rows := map[string]int{}
		for _, p := range processes(tt.c) {
			rows[p.kind] += p.rows * len(schedule(p.gap, p.random, p.first, 100*time.Second))
		}
		assert.Len(t, rows, len(tt.parts))
		for kind, part := range tt.parts {
			assert.InEpsilon(t, part*c.rate*100, rows[kind], 0.05, kind)
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

// What a bridge does not accept, and what could not be sent without a session, counts. All rows that were due have a fate.
func TestALoadFailsWhenTheBridgeDoesNotAcceptIt(t *testing.T) {
	t.Parallel()
	for refuses, want := range map[string]string{"nothing": "", "/metrics/": "refused", "/sessions/": "not sent", "/contexts/": "not sent"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, refuses) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(http.StatusCreated)
		}))
		c := config{rate: 100, duration: 2 * time.Second, pytests: 5, bursts: 1, plugins: 1, large: 1, tests: 30, largeTests: 50,
			patience: time.Minute}
		to, l, r := target{url: server.URL, bridge: true}, new(ledger), result{kept: new(kept)}
		start(beginAll(to, c, l), to, c, l, &r.tally)()
		server.Close()
		r.fates = l.count()
		assert.InEpsilon(t, 200, r.tally.due, 0.3, refuses)
		assert.Equal(t, r.tally.due, r.fates[accepted]+r.fates[refused]+r.fates[unknown]+r.tally.missed, refuses)
		switch err := r.err(); want {
		case "":
			assert.NoError(t, err)
			assert.Equal(t, r.tally.due, r.fates[accepted])
		default:
			assert.ErrorContains(t, err, want, refuses)
			assert.Zero(t, r.fates[accepted], refuses)
		}
	}
}

func TestALoadFailsWhenTheBridgeGrows(t *testing.T) {
	t.Parallel()
	for seconds, grows := range map[int]bool{settled: true, settled - 1: false} {
		r := result{kept: new(kept), course: make(course, len(gauges))}
		for n := range seconds {
			r.course[0] = append(r.course[0], float64(n<<20))
		}
		assert.Equal(t, grows, r.err() != nil, seconds)
	}
}

func TestRowsWithoutAFateAreAFailure(t *testing.T) {
	t.Parallel()
	assert.ErrorContains(t, (&result{kept: new(kept), tally: tally{due: 3, missed: 1}}).err(), "3 rows were due, 0 were sent, and 1 were not")
}
