package promql_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/telemetry"
)

// interval is the scrape interval.
const interval = 30 * time.Second

// scraped has the samples that Prometheus would have of some bridges. It is a [storage.Queryable].
type scraped struct {
	start  time.Time
	series map[string]*series
}

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// sample implements [chunks.Sample] for a float.
type sample struct {
	at    int64 // milliseconds
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

// scrape adds the metrics of a bridge at a time.
func (s *scraped) scrape(t *testing.T, m *telemetry.Metrics, instance string, at time.Time) {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/-/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	for _, family := range families {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, family)
		require.NoError(t, err)
		for _, one := range samples {
			b := labels.NewBuilder(labels.EmptyLabels())
			for name, value := range one.Metric {
				b.Set(string(name), string(value))
			}
			s.add(b.Set("instance", instance).Set("job", "pymon-bridge").Labels(), at, float64(one.Value))
		}
	}
}

// add adds a sample to a series.
func (s *scraped) add(l labels.Labels, at time.Time, value float64) {
	line := s.series[l.String()]
	if line == nil {
		line = &series{labels: l}
		s.series[l.String()] = line
	}
	line.samples = append(line.samples, sample{at: at.UnixMilli(), value: value})
}

// Querier implements [storage.Queryable].
func (s *scraped) Querier(int64, int64) (storage.Querier, error) { return querier{s}, nil }

// querier returns all samples of the matching series. The engine uses only the samples in its time range.
type querier struct{ from *scraped }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var matching []storage.Series
	for _, name := range slices.Sorted(maps.Keys(q.from.series)) {
		s := q.from.series[name]
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.labels.Get(m.Name)) }) {
			continue
		}
		matching = append(matching, storage.NewListSeries(s.labels, s.samples))
	}
	return &set{series: matching, at: -1}
}

func (querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, nil
}

func (querier) Close() error { return nil }

// set implements [storage.SeriesSet].
type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.at] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }

// afternoon returns six hours of two bridges. Test runs start and end, and InfluxDB is away for 40 minutes.
func afternoon(t *testing.T) *scraped {
	t.Helper()
	s := &scraped{start: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC), series: map[string]*series{}}
	for _, instance := range []string{"bridge-1:8080", "bridge-2:8080"} {
		b := newBridge(instance)
		for step := range 6 * int(time.Hour/interval) {
			b.work(step)
			s.scrape(t, b.metrics, instance, s.start.Add(time.Duration(step)*interval))
		}
	}
	return s
}

// InfluxDB is away between these two steps.
const awaySince, awayUntil = 350, 430

// simulated is a simulated bridge.
type simulated struct {
	metrics *telemetry.Metrics
	stats   monitor.JournalStats
	lookups monitor.Lookups
	random  *rand.Rand

	journal, delivery component
	expiry            time.Time // of its certificate
	unreadable        bool      // its file
}

// component is the health of a part of a bridge.
type component struct {
	name string
	ok   bool
}

// Health implements [monitor.HealthChecker].
func (c *component) Health() monitor.Health { return monitor.Health{Component: c.name, OK: c.ok} }

func newBridge(name string) *simulated {
	b := &simulated{metrics: telemetry.New("1.0.0", "abcdef"), random: rand.New(rand.NewPCG(uint64(len(name)), uint64(name[7]))),
		stats: monitor.JournalStats{Bytes: 40 << 20, Free: 90 << 30}, journal: component{"journal", true}, delivery: component{"delivery", true}}
	b.metrics.WatchJournal(func(context.Context) (monitor.JournalStats, error) {
		if b.unreadable {
			return b.stats, errors.New("disk I/O error")
		}
		return b.stats, nil
	})
	b.metrics.WatchHealth([]monitor.HealthChecker{&b.journal, &b.delivery})
	b.metrics.WatchCertificate(func() time.Time { return b.expiry })
	b.metrics.MinFree(256 << 20)
	b.metrics.WatchCache(func() monitor.Lookups { return b.lookups })
	return b
}

// work simulates one step of 30 seconds.
func (b *simulated) work(step int) {
	running, away := step/30%3 != 2, step > awaySince && step < awayUntil
	if running {
		b.run(step)
	}
	if away {
		b.stats.Oldest = time.Now().Add(time.Duration(awaySince-step) * interval)
		b.metrics.Retried(503 * (step % 2))
		return
	}
	b.deliver(step)
}

// run accepts the records of a running test suite.
func (b *simulated) run(step int) {
	for range 20 + b.random.IntN(40) {
		b.metrics.Accepted(monitor.ClassMetric, b.random.IntN(50) == 0)
		b.metrics.Request(http.MethodPost, "/metrics", http.StatusCreated, time.Duration(300+b.random.ExpFloat64()*900)*time.Microsecond)
		b.stats.Depth++
		b.stats.Bytes += 140
		b.stats.Free -= 140
		b.lookups.Hits += 2
	}
	b.metrics.Committed(1+b.random.IntN(30), time.Duration(500+b.random.IntN(1500))*time.Microsecond)
	if step%30 == 0 {
		b.metrics.Accepted(monitor.ClassSession, false)
		b.metrics.Accepted(monitor.ClassContext, false)
		b.metrics.NewSeries(b.random.IntN(4))
		b.lookups.Misses += 2
	}
	if b.random.IntN(200) == 0 {
		b.metrics.Refused("invalid")
	}
}

// deliver delivers all waiting records to InfluxDB.
func (b *simulated) deliver(step int) {
	if b.stats.Depth == 0 {
		return
	}
	b.metrics.Delivered(monitor.ClassMetric, int(b.stats.Depth))
	b.metrics.Lag(time.Duration(1+b.stats.Depth/20) * time.Second)
	b.stats.Depth, b.stats.Oldest = 0, time.Time{}
	if step == 500 {
		b.metrics.Buried(monitor.ClassMetric, 1)
		b.stats.DeadLetters = 1
	}
}
