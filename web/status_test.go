package web_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/web"
)

func TestStatusSaysHowTheBridgeIs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	journal := func(ok bool) monitor.Health {
		return monitor.Health{Component: "journal", OK: ok, Required: true, Detail: "no room <b>"}
	}
	delivery := func(ok bool) monitor.Health {
		return monitor.Health{Component: "delivery", OK: ok, Detail: "influx has not been available: 503 \u202eoverloaded"}
	}
	for name, tt := range map[string]struct {
		of    web.Condition
		words []string
	}{
		"alone": {web.Condition{Health: []monitor.Health{journal(true)}},
			[]string{"Records are accepted<", "No InfluxDB is set", "nothing waits", "another bridge judges"}},
		"fine": {web.Condition{Health: []monitor.Health{journal(true), delivery(true)}, Destination: "http://influx/team", Judges: true,
			Journal: monitor.JournalStats{Bytes: 3 << 20, Free: 5 << 30}, Connections: map[string]int{"idle": 3, "handling": 1, "new": 0}, MaxConns: 1024},
			[]string{"Records are accepted and delivered", "To http://influx/team", "up to date", "3.0 MiB", "5.0 GiB free", "4 of 1,024", "1 handling, 3 idle<"}},
		"away": {web.Condition{Health: []monitor.Health{journal(true), delivery(false)}, Destination: "d", Judges: true, ToJudge: 2,
			Journal: monitor.JournalStats{Depth: 1234, Parked: 5, Aside: 2, DeadLetters: 7, Oldest: s.now.Add(-90 * time.Second), Free: -1}},
			[]string{"accepted and kept, but not delivered", "1,234", "the oldest for 1 min 30 s", "3 for a context", "2 set aside", ">7<", "2 runs", "unknown free"}},
		"full": {web.Condition{Health: []monitor.Health{journal(false), delivery(true)}, Destination: "d"},
			[]string{"The bridge accepts no records", "no room &lt;b&gt;"}},
	} {
		s.pages.Condition = func(context.Context) (*web.Condition, error) { return &tt.of, nil }
		html := s.html("/-/status")
		for _, words := range tt.words {
			assert.Contains(t, html, words, name)
		}
		assert.NotContains(t, html, "\u202e", name)
		assert.Contains(t, html, `<a href="/-/status" aria-current="page">Status</a>`)
		var data struct {
			OK      bool
			Waiting int64
		}
		s.data("/-/status", &data)
		assert.Equal(t, tt.of.Journal.Depth, data.Waiting)
		assert.Equal(t, name == "alone" || name == "fine", data.OK, name)
	}
	assert.Equal(t, http.StatusBadRequest, s.get("/-/status?format=csv").Code)
	s.pages.Condition = func(context.Context) (*web.Condition, error) { return nil, errors.New("broken") }
	assert.Equal(t, http.StatusInternalServerError, s.get("/-/status").Code)
}
