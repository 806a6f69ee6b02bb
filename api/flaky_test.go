package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestFlakyTests(t *testing.T) {
	s := newServer(t, sample())
	first := `{"project": "team", "component": "core", "item_path": "", "item": "test_a", "item_variant": "test_a[1, 2]",
		"nodeid": "test.py::test_a[1-2]", "last_seen": "2026-11-22T17:03:00.000000+01:00", "outcome": "passed", "run": "r1", "scm_ref": "abc1",
		"runs": 7, "passed": 6, "failed": 2, "retried": 4, "pass_rate": 0.25}`
	s.api.PageSize = 1
	assert.JSONEq(t, `{"tests": [`+first+`], "total_page": 2, "prev_url": null, "next_url": "/p/team/api/v1/tests/flaky?branch=main&page=2"}`,
		s.get(t, "/p/team/api/v1/tests/flaky?branch=main").Body.String())
	for path, want := range map[string]string{"/p/team/api/v1": `{"count": 2}`, "/api/v1": `{"count": 3}`} {
		assert.JSONEq(t, want, s.get(t, path+"/tests/flaky/count").Body.String())
	}
	assert.JSONEq(t, `{"tests": [], `+noLinks+`}`, s.get(t, "/p/nobody/api/v1/tests/flaky/").Body.String())
}

// TestAPageOfFlakyTestsTakesOneSearch asks for pages that do not tell how many there are.
func TestAPageOfFlakyTestsTakesOneSearch(t *testing.T) {
	s := newServer(t, sample())
	s.api.PageSize = 1
	for _, page := range []string{"1", "2"} {
		assert.Contains(t, s.get(t, "/p/team/api/v1/tests/flaky?page="+page).Body.String(), `"total_page":2`)
	}
	assert.Zero(t, s.store.counts)
}

const noLinks = `"total_page": 0, "prev_url": null, "next_url": null`

func TestRunsOfFlakyTests(t *testing.T) {
	s := newServer(t, sample())
	text := func(s string) *string { return &s }
	day := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).UnixNano()
	for query, want := range map[string]monitor.FlakyQuery{
		"":                                   {Project: "team", Last: 100},
		"last=7":                             {Project: "team", Last: 7},
		"last=1000":                          {Project: "team", Last: 1000},
		"since=2026-11-02":                   {Project: "team", Since: day},
		"since=2026-11-02T01:00:00%2B01:00":  {Project: "team", Since: day},
		"since=2026-11-02T00:00:00Z&last=30": {Project: "team", Since: day, Last: 30},
		"branch=main":                        {Project: "team", Last: 100, Branch: text("main")},
		"branch=":                            {Project: "team", Last: 100, Branch: text("")},
	} {
		for _, path := range []string{"/tests/flaky", "/tests/flaky/count"} {
			s.get(t, "/p/team/api/v1"+path+"?"+query)
			require.Equal(t, want, s.store.asked, query)
		}
	}
	for query, fields := range map[string][]string{
		"last=0": {"last"}, "last=-1": {"last"}, "last=x": {"last"}, "last=": {"last"}, "last=99999999999999999999": {"last"},
		"last=1001": {"last"},
		"since=":    {"since"}, "since=yesterday": {"since"}, "since=2026-02-30": {"since"}, "since=7&last=0": {"since", "last"},
		"format=xml": {"format"},
	} {
		w := s.get(t, "/p/team/api/v1/tests/flaky/?"+query)
		assert.Equal(t, http.StatusBadRequest, w.Code, query)
		for _, field := range fields {
			assert.Contains(t, decode(t, w)["errors"], field, query)
		}
	}
}
