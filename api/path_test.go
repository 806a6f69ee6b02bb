package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestLinksOfNamesThatNeedEscapes follows the links of lists whose path has a name such as ".." or a name with a slash. It
// follows them as a browser does, and as monitor_api does, which appends a link to its base URL.
func TestLinksOfNamesThatNeedEscapes(t *testing.T) {
	var metrics []owned[*monitor.Metric]
	for i, item := range []string{"test_a", ".", "..", "...", `a/"`, ".", "..", "...", `a/"`, ".", "..", "...", `a/"`} {
		m := &monitor.Metric{Item: item, Component: "..", TotalTime: float64(i)}
		metrics = append(metrics, owned[*monitor.Metric]{"team", m})
	}
	s := newServer(t, &fakeStore{metrics: metrics})
	below := newServer(t, &fakeStore{metrics: metrics})
	below.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	tests := []struct {
		path  string // below the base path
		first float64
	}{
		{"/items/%2E/metrics", 1},
		{"/items/%2e/metrics", 1},
		{"/items/%2E%2E/metrics", 2},
		{"/items/.%2E/metrics/", 2},
		{"/items/x/../%2E%2E/metrics", 2},
		{"/items/.../metrics", 3},
		{"/items/%2E%2E%2E/metrics", 3},
		{`/items/a%2F"/metrics`, 4}, // the quote is not escaped, but the slash is still part of the name
		{"/components/%2E%2E/items/%2E%2E/metrics", 2},
	}
	for _, tt := range tests {
		for _, base := range []string{"/api/v1", "/p/team/api/v1", "/api/v1/api/v1", "/p/team/api/v1/p/team/api/v1"} {
			want := []float64{tt.first, tt.first + 4, tt.first + 8}
			assert.Equal(t, want, totalTimes(t, s, base+tt.path, resolveLink), base+tt.path)
			assert.Equal(t, want, totalTimes(t, s, base+tt.path, appendLink), base+tt.path)
			assert.Equal(t, want, totalTimes(t, below, base+tt.path, appendLink), "below a path of a proxy: "+base+tt.path)
		}
	}
}

// totalTimes returns the total times on all pages of a list. follow returns the URL for the link of a page.
func totalTimes(t *testing.T, s *server, page string, follow func(t *testing.T, page, link string) string) (all []float64) {
	t.Helper()
	for range 10 {
		u, err := url.Parse(page)
		require.NoError(t, err)
		r := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: http.NoBody}
		w := s.serve(r)
		require.Equal(t, http.StatusOK, w.Code, page)
		answer := decode(t, w)
		all = append(all, numbers(t, answer, "total_time")...)
		next, more := answer["next_url"].(string)
		if !more {
			break
		}
		page = follow(t, page, next)
	}
	return all
}

// resolveLink resolves a link by the rules for URLs.
func resolveLink(t *testing.T, page, link string) string {
	t.Helper()
	from, err := url.Parse(page)
	require.NoError(t, err)
	to, err := from.Parse(link)
	require.NoError(t, err)
	return to.String()
}

// appendLink appends a link to the base URL, as monitor_api does.
func appendLink(_ *testing.T, page, link string) string {
	if strings.HasPrefix(page, "/p/team") {
		return "/p/team/api/v1" + link
	}
	return "/api/v1" + link
}
