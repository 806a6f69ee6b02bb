package main

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/api"
	"pymon-bridge/monitor"
)

// asked counts questions.
type asked int

func (a *asked) Judge(context.Context, monitor.JudgeQuery) (*monitor.Report, error) {
	*a++
	return &monitor.Report{}, nil
}

// A run that has ended is judged by what is in InfluxDB only when all of it is there.
func TestJudgeWaitsForDelivery(t *testing.T) {
	for name, tc := range map[string]struct {
		stats monitor.JournalStats
		err   error
		waits bool
	}{
		"everything is delivered":             {monitor.JournalStats{}, nil, false},
		"only later runs are on their way":    {monitor.JournalStats{Depth: 3, Oldest: time.Now().Add(-time.Second)}, nil, false},
		"the run itself may be on its way":    {monitor.JournalStats{Depth: 3, Oldest: time.Now().Add(-time.Hour)}, nil, true},
		"nobody knows what is on its way yet": {monitor.JournalStats{}, monitor.Errorf(monitor.EUnavailable, "checking"), true},
	} {
		t.Run(name, func(t *testing.T) {
			var inner asked
			d := &deliveredFirst{judge: &inner, quiet: time.Minute,
				stats: func(context.Context) (monitor.JournalStats, error) { return tc.stats, tc.err }}
			_, err := d.Judge(t.Context(), monitor.JudgeQuery{})
			assert.Equal(t, tc.waits, inner == 0)
			assert.Equal(t, tc.waits, monitor.ErrorCode(err) == monitor.EUnavailable)
		})
	}
}

// delivery is what a question sees of a delivery that ends after some looks.
type delivery struct {
	left   int // looks until everything is delivered; none below 0
	broken int // looks until delivery is found to be broken; none below 0
	upTo   []uint64
	err    error
	alive  error
}

func (d *delivery) judge(inner monitor.Judge) *acceptedFirst {
	return &acceptedFirst{
		judge: inner, patience: 10 * askedPoll,
		last: func(context.Context) (uint64, error) { return 17, d.err },
		undelivered: func(_ context.Context, project string, upTo uint64) (int64, error) {
			d.upTo = append(d.upTo, upTo)
			d.left--
			d.broken--
			return map[bool]int64{true: 0, false: 3}[d.left == -1 || project != "shop"], nil
		},
		health: func() monitor.Health {
			return monitor.Health{OK: d.broken != -1, Detail: "InfluxDB is not available"}
		},
		alive: func(ctx context.Context, f func(context.Context) error) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			if d.alive != nil {
				cancel(d.alive)
			}
			return f(ctx)
		},
	}
}

// A question is answered by all that was accepted before it, or not at all.
func TestQuestionWaitsForDelivery(t *testing.T) {
	const never = -100
	for name, tc := range map[string]struct {
		delivery delivery
		looks    int
		words    string // of the error
	}{
		"everything is delivered":     {delivery{left: 0, broken: never}, 1, ""},
		"it is delivered soon":        {delivery{left: 4, broken: never}, 5, ""},
		"it takes too long":           {delivery{left: never, broken: never}, 11, "3 records that were accepted are not in InfluxDB yet"},
		"InfluxDB is known to be off": {delivery{left: never, broken: 0}, 1, "InfluxDB is not available"},
		"InfluxDB turns out to be":    {delivery{left: never, broken: 3}, 4, "InfluxDB is not available"},
		"known to be off for nothing": {delivery{left: 0, broken: 0}, 1, ""},
		"InfluxDB does not answer": {delivery{left: never, broken: never, alive: monitor.Errorf(monitor.EUnavailable, "no pulse")},
			1, "no pulse"},
		"nobody knows": {delivery{err: monitor.Errorf(monitor.EUnavailable, "checking")}, 0, "checking"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var inner asked
				_, err := tc.delivery.judge(&inner).Judge(t.Context(), monitor.JudgeQuery{Project: "shop"})
				assert.Len(t, tc.delivery.upTo, tc.looks)
				for _, upTo := range tc.delivery.upTo {
					assert.EqualValues(t, 17, upTo, "what comes later is not waited for")
				}
				if tc.words == "" {
					require.NoError(t, err)
					assert.EqualValues(t, 1, inner)
					return
				}
				assert.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
				assert.ErrorContains(t, err, tc.words)
				assert.Zero(t, inner)
			})
		})
	}
}

func TestPrinterIsAsTheQuerySays(t *testing.T) {
	r := &monitor.Report{Run: "ci-17", Summary: monitor.Summary{Tests: 2, Suspects: 1, OK: 5},
		Results: []monitor.Result{{TestID: monitor.TestID{Item: "fine"}, Status: monitor.StatusOK, Metric: monitor.MetricCPUTime}}}
	for query, tc := range map[string]struct {
		contentType string
		has, hasNot string
		gate        api.Gate
	}{
		"":                               {"application/json", `"run": "ci-17"`, `"fine"`, api.GatePass},
		"all=true":                       {"application/json", `"fine"`, "none of this", api.GatePass},
		"format=text&fail_on=suspect":    {"text/plain; charset=utf-8", "ci-17", "{", api.GateFail},
		"format=markdown&fail_on=never":  {"text/markdown; charset=utf-8", "<!-- pymon-bridge", "{", api.GatePass},
		"format=junit&fail_on=suite":     {"application/xml", "<testsuite", "{", api.GatePass},
		"format=github&fail_on=suspect&": {"text/plain; charset=utf-8", "::", "{", api.GateFail},
	} {
		t.Run(query, func(t *testing.T) {
			values, err := url.ParseQuery(query)
			require.NoError(t, err)
			p, err := printerOf(values)
			require.NoError(t, err)
			var b strings.Builder
			require.NoError(t, p.Print(&b, r))
			assert.Equal(t, tc.contentType, p.ContentType)
			assert.Contains(t, b.String(), tc.has)
			assert.NotContains(t, b.String(), tc.hasNot)
			assert.Equal(t, tc.gate, p.Gate(r))
		})
	}
}

func TestGateOfWhatCouldNotBeJudged(t *testing.T) {
	for gate, summary := range map[api.Gate]monitor.Summary{
		api.GateNotJudged: {Tests: 2, NotJudged: 6},
		api.GatePass:      {Tests: 2, NotJudged: 5, Learning: 1},
		api.GateFail:      {Tests: 2, NotJudged: 5, Regressions: 1},
	} {
		p, err := printerOf(nil)
		require.NoError(t, err)
		assert.Equal(t, gate, p.Gate(&monitor.Report{Run: "ci-17", Summary: summary}))
	}
}

func TestPrinterNamesEachWrongParameter(t *testing.T) {
	_, err := printerOf(url.Values{"format": {"yaml"}, "fail_on": {"luck"}, "all": {"maybe"}})
	var e *monitor.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, monitor.EInvalid, e.Code)
	assert.Len(t, e.Fields, 3)
	assert.Contains(t, e.Fields["format"], "text, markdown, json, junit, github")
	assert.Contains(t, e.Fields["fail_on"], "regression, suspect, suite, never")
	assert.Equal(t, "expected true or false", e.Fields["all"])
}
