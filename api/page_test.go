package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPages requests pages of two metrics. The project has six metrics.
func TestPages(t *testing.T) {
	const base = "/p/team/api/v1/metrics/"
	tests := []struct {
		query      string
		want       []float64 // nil for 404
		prev, next string
	}{
		{"", []float64{1, 2}, "", "?page=2"},
		{"?page=", []float64{1, 2}, "", "?page=2"},
		{"?page=abc", []float64{1, 2}, "", "?page=2"},
		{"?page=1.5", []float64{1, 2}, "", "?page=2"},
		{"?page=1", []float64{1, 2}, "", "?page=2"},
		{"?page=2", []float64{3, 4}, "?page=1", "?page=3"},
		{"?page=3", []float64{5, 6}, "?page=2", ""},
		{"?page=-1", []float64{5, 6}, "?page=2", ""},
		{"?page=-2", []float64{3, 4}, "?page=1", "?page=3"},
		{"?page=-3", []float64{1, 2}, "", "?page=2"},
		{"?page=0", nil, "", ""},
		{"?page=4", nil, "", ""},
		{"?page=-4", nil, "", ""},
		{"?page=9223372036854775807", nil, "", ""},
		{"?page=-9223372036854775808", nil, "", ""},
		{"?page=99999999999999999999", nil, "", ""},
		{"?page=-99999999999999999999", nil, "", ""},
		{"?page=2&page=3", []float64{3, 4}, "?page=1", "?page=3"},
		{"?a=b%2Cc&page=2&a=d&%C3%A9=+", []float64{3, 4}, "?a=b%2Cc&page=1&%C3%A9=+", "?a=b%2Cc&page=3&%C3%A9=+"},
		{"?x&per_page=1", []float64{1, 2}, "", "?x=&per_page=1&page=2"},
	}
	s := newServer(t, sample())
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			w := s.get(t, base+tt.query)
			answer := decode(t, w)
			if tt.want == nil {
				assert.Equal(t, http.StatusNotFound, w.Code)
				assert.NotEmpty(t, answer["message"])
				return
			}
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			assert.Equal(t, tt.want, numbers(t, answer, "total_time"))
			assert.EqualValues(t, 3, answer["total_page"])
			assertLink(t, answer, "prev_url", base, tt.prev)
			assertLink(t, answer, "next_url", base, tt.next)
		})
	}
}

// assertLink checks a link. With an empty query the answer must not have the member.
func assertLink(t *testing.T, answer map[string]any, name, base, query string) {
	t.Helper()
	if query == "" {
		assert.NotContains(t, answer, name)
		return
	}
	assert.Equal(t, base+query, answer[name])
}

func TestPagesOfEmptyLists(t *testing.T) {
	s := newServer(t, sample())
	for path, want := range map[string]int{
		"/items/none/metrics": 204, "/items/none/metrics?page=1": 204, "/items/none/metrics?page=-1": 404,
		"/items/none/metrics?page=2": 404, "/items/none/metrics?page=0": 404,
		"/pipelines/none/builds": 200, "/pipelines/none/builds?page=1": 200, "/pipelines/none/builds?page=-1": 404,
		"/filters/scm/none/metrics?page=7": 204, "/filters/scm/none/metrics?page=-7": 204, "/filters/scm/none/metrics?page=0": 204,
		"/filters/scm/abc/metrics?page=7": 404, "/filters/scm/none/sessions?page=2": 404,
		"/pipelines/?page=9": 200,
	} {
		assert.Equal(t, want, s.get(t, "/p/team/api/v1"+path).Code, path)
	}
}

// TestPageNumberInTheBody requests a page in the JSON body of a GET, as some clients do.
func TestPageNumberInTheBody(t *testing.T) {
	s := newServer(t, sample())
	tests := []struct {
		name, query, body, media string
		status                   int
		first                    float64
	}{
		{"number", "", `{"page": 2}`, "application/json; charset=utf-8", 200, 3},
		{"negative", "", `{"page": -2}`, "application/json", 200, 3},
		{"query before body", "?page=1", `{"page": 2}`, "application/json", 200, 1},
		{"null", "", `{"page": null}`, "application/json", 200, 1},
		{"fraction", "", `{"page": 1.5}`, "application/json", 200, 1},
		{"list", "", `[2]`, "application/json", 200, 1},
		{"empty", "", ``, "application/json", 200, 1},
		{"another type", "", `{"page": 2}`, "text/plain", 200, 1},
		{"broken", "", `{"page": `, "application/json", 400, 0},
		{"text", "", `{"page": "2"}`, "application/json", 400, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := s.do(http.MethodGet, "/p/team/api/v1/metrics/"+tt.query, tt.body, "Content-Type", tt.media)
			require.Equal(t, tt.status, w.Code, w.Body)
			if tt.status == http.StatusOK {
				answer := decode(t, w)
				assert.Equal(t, tt.first, numbers(t, answer, "total_time")[0])
				assert.NotContains(t, answer["next_url"], "body")
			}
		})
	}
	large := make([]byte, 65<<10)
	assert.Equal(t, http.StatusRequestEntityTooLarge,
		s.do(http.MethodGet, "/api/v1/metrics/", string(large), "Content-Type", "application/json").Code)
}

// TestLinksHaveTheBasePathOfTheRequest also requests the aliases. monitor_api uses them, because it appends a link to its
// base URL.
func TestLinksHaveTheBasePathOfTheRequest(t *testing.T) {
	s := newServer(t, sample())
	for asked, next := range map[string]string{
		"/api/v1/metrics/":                       "/api/v1/metrics/?page=2",
		"/api/v1/metrics":                        "/api/v1/metrics?page=2",
		"//api//v1/metrics/":                     "/api/v1/metrics/?page=2",
		"/p/team/api/v1/metrics/":                "/p/team/api/v1/metrics/?page=2",
		"/api/v1/api/v1/metrics/":                "/api/v1/metrics/?page=2",
		"/api/v1/api/v1/metrics/?page=2":         "/api/v1/metrics/?page=3",
		"/p/team/api/v1/p/team/api/v1/metrics/":  "/p/team/api/v1/metrics/?page=2",
		"/p/team/api/v1/api/v1/metrics/":         "/p/team/api/v1/metrics/?page=2",
		"/p/team/api/v1/p/team/api/v1/contexts/": "/p/team/api/v1/contexts/?page=2",
		"/api/v1/api/v1/sessions/s":              "/api/v1/sessions/s?page=2",
		"/sessions/s":                            "/sessions/s?page=2",
		"/api/v1/variants/like/%5B/metrics":      "/api/v1/variants/like/%5B/metrics?page=2",
		"/api/v1/variants/like/[/metrics":        "/api/v1/variants/like/%5B/metrics?page=2",
		"/api/v1/items/x/../like/est/metrics":    "/api/v1/items/like/est/metrics?page=2",
	} {
		w := s.do(http.MethodGet, asked, "")
		require.Equal(t, http.StatusOK, w.Code, asked)
		assert.Equal(t, next, decode(t, w)["next_url"], asked)
	}
	w := s.do(http.MethodGet, "/p/team/api/v1/p/other/api/v1/metrics/", "")
	assert.Equal(t, http.StatusNotFound, w.Code, "a path that repeats another project")
}

// TestCountIsCalledOnlyIfNecessary checks that a short list costs one query.
func TestCountIsCalledOnlyIfNecessary(t *testing.T) {
	s := newServer(t, sample())
	for path, want := range map[string]int{
		"/contexts/c1/metrics?page=2": 0, "/components/metrics": 0, "/items/none/metrics": 0, "/metrics/": 1, "/metrics/?page=-1": 1,
	} {
		s.store.counts = 0
		s.get(t, "/p/team/api/v1"+path)
		assert.Equal(t, want, s.store.counts, path)
	}
}
