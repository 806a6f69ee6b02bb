package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryRouteIsInTheDocument checks that the document has every GET route and no other.
func TestEveryRouteIsInTheDocument(t *testing.T) {
	registered := map[string]bool{}
	for _, r := range handler(&fakeStore{}).Mounted() {
		path, ok := strings.CutPrefix(r.Path, "/api/v1")
		if ok && r.Method == http.MethodGet && !strings.HasPrefix(path, "/api/v1/") && path != "/api/v1" {
			registered[template(path)] = true
		}
	}
	for _, literal := range []string{"/items/like/metrics", "/items/like/outcomes", "/variants/like/metrics", "/components/items/metrics",
		"/components/variants/metrics", "/components/items/pipelines", "/components/variants/pipelines"} {
		assert.True(t, registered[literal], literal)
		delete(registered, literal) // a documented route with a value in the place of its parameter
	}
	documented := map[string]bool{}
	for path, item := range loadDocument(t).Paths.Map() {
		if item.Get != nil {
			documented[strings.TrimSuffix(path, "/")] = true
		}
	}
	assert.Equal(t, documented, registered)
	assert.Greater(t, len(documented), 50)
}

// template returns a path of Gin in the form of the document, without a final slash.
func template(path string) string {
	parts := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i, part := range parts {
		if part != "" && part[0] == ':' {
			parts[i] = "{" + part[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

// TestEveryDocumentedRouteIsServed requests each path of the document, below every base path and alias.
func TestEveryDocumentedRouteIsServed(t *testing.T) {
	s := newServer(t, sample())
	fill := strings.NewReplacer("{resource}", "memory", "{n}", "3", "{asset}", "swagger-ui.css", "{h}", "s", "{item}", "x",
		"{variant}", "x", "{text}", "x", "{kind}", "x", "{ref}", "x", "{component}", "x", "{pipeline}", "x", "{build}", "x", "{run}", "x")
	for path, item := range s.doc.Paths.Map() {
		if item.Get == nil {
			continue
		}
		for _, base := range []string{"/api/v1", "/p/team/api/v1", "/api/v1/api/v1", "/p/team/api/v1/p/team/api/v1", "/p/team/api/v1/api/v1"} {
			w := s.get(t, base+fill.Replace(path))
			assert.Less(t, w.Code, 300, "%s%s: %s", base, path, w.Body)
		}
	}
	for path, item := range s.doc.Paths.Map() {
		if item.Post != nil {
			w := s.do(http.MethodPost, "/api/v1"+fill.Replace(path), "{}")
			assert.Equal(t, http.StatusBadRequest, w.Code, path)
		}
	}
}

func TestDocumentNamesTheBasePathOfTheRequest(t *testing.T) {
	s := newServer(t, sample())
	for _, base := range []string{"/api/v1", "/p/team/api/v1"} {
		doc := decode(t, s.get(t, base+"/openapi.json"))
		assert.Equal(t, []any{map[string]any{"url": base}}, doc["servers"])
	}
}

// TestDocsAreEmbedded checks that the documentation page and all its files come from the program.
func TestDocsAreEmbedded(t *testing.T) {
	s := newServer(t, sample())
	for _, path := range []string{"/p/team/api/v1/docs", "/p/team/api/v1/docs/"} {
		page := s.do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, page.Code)
		html := page.Body.String()
		assert.Regexp(t, `script-src .self. .sha256-.*style-src .self. .sha256-`, page.Header().Get("Content-Security-Policy"))
		assert.NotContains(t, page.Header().Get("Content-Security-Policy"), "unsafe")
		assert.Contains(t, html, "/p/team/api/v1/openapi.json")
		loaded := attributes(html)
		assert.GreaterOrEqual(t, len(loaded), 4, html)
		for _, link := range loaded {
			assert.True(t, strings.HasPrefix(link, "/p/team/api/v1/docs/"), link)
			w := s.do(http.MethodGet, link, "")
			assert.Equal(t, http.StatusOK, w.Code, link)
			assert.NotEmpty(t, w.Body.String(), link)
		}
	}
	missing := httptest.NewRecorder()
	s.ServeHTTP(missing, httptest.NewRequest(http.MethodGet, "/api/v1/docs/nothing.js", nil))
	assert.Equal(t, http.StatusNotFound, missing.Code)
}

// attributes returns the values of src and href in a page.
func attributes(html string) (values []string) {
	for _, start := range []string{` src="`, ` href="`} {
		for _, part := range strings.Split(html, start)[1:] {
			values = append(values, part[:strings.IndexByte(part, '"')])
		}
	}
	slices.Sort(values)
	return values
}

// A proxy passes on what is below /pymon, without /pymon. What a client reads has /pymon.
func TestLinksBelowThePathOfAProxy(t *testing.T) {
	s := newServer(t, sample())
	s.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	get := func(path string) *httptest.ResponseRecorder {
		inner, below := strings.CutPrefix(path, "/pymon/")
		require.True(t, below, path)
		w := s.do(http.MethodGet, "/"+inner, "")
		require.Equal(t, http.StatusOK, w.Code, path)
		return w
	}
	for _, base := range []string{"/pymon/api/v1", "/pymon/p/team/api/v1"} {
		var doc struct{ Servers []struct{ URL string } }
		require.NoError(t, json.Unmarshal(get(base+"/openapi.json").Body.Bytes(), &doc))
		assert.Equal(t, base, doc.Servers[0].URL)
		html := get(base + "/docs").Body.String()
		assert.Contains(t, html, base+"/openapi.json")
		loaded := attributes(html)
		assert.GreaterOrEqual(t, len(loaded), 4)
		for _, link := range loaded {
			assert.NotEmpty(t, get(link).Body.String(), link)
		}
		pages, next := 0, base+"/metrics/"
		for more := true; more; pages++ {
			answer := decode(t, get(next))
			if pages > 0 {
				get(answer["prev_url"].(string))
			}
			next, more = answer["next_url"].(string)
			if more {
				appended := decode(t, get(base+next)) // as monitor_api asks
				assert.Equal(t, decode(t, get(next)), appended)
			}
		}
		assert.Greater(t, pages, 1)
	}
}

// The path before all paths of the bridge may have the name of a route.
func TestPathOfAProxyHidesNoRoute(t *testing.T) {
	s := newServer(t, sample())
	for _, prefix := range []string{"/metrics", "/items", "/p/team", "/api/v1"} {
		s.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: prefix}
		for _, path := range []string{"/api/v1/metrics/count", "/p/team/api/v1/metrics/count", "/api/v1/items/p/metrics/count"} {
			assert.Equal(t, http.StatusOK, s.do(http.MethodGet, path, "").Code, prefix+path)
		}
	}
}
