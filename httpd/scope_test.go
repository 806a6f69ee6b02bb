package httpd_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// withScopes gives a bridge a token for project a and a token for project b. Both secrets are the project's name.
func withScopes(b *bridge, scopes ...monitor.Scope) *bridge {
	of := func(id int64, project string) monitor.Token {
		t := token(project, project)
		t.ID, t.Scopes = id, scopes
		return t
	}
	all := []monitor.Token{of(1, "a"), of(2, "b")}
	b.TokensFn = func(context.Context) (monitor.TokenList, error) { return monitor.TokenList{Valid: all}, nil }
	return b
}

func TestScopesOfTokens(t *testing.T) {
	const lacks = http.StatusForbidden
	for _, tt := range []struct {
		scopes             []monitor.Scope
		post, get, anyRole int // the statuses of a route for write, a route for read, and a route for both
	}{
		{nil, lacks, lacks, lacks},
		{[]monitor.Scope{"later"}, lacks, lacks, lacks},
		{[]monitor.Scope{monitor.ScopeWrite}, 201, lacks, 200},
		{[]monitor.Scope{monitor.ScopeRead}, lacks, 200, 200},
		{[]monitor.Scope{monitor.ScopeRead, monitor.ScopeWrite}, 201, 200, 200},
		{[]monitor.Scope{monitor.ScopeAdmin}, 201, 200, 200},
	} {
		b := withScopes(newBridge(), tt.scopes...)
		for _, base := range []string{"", "/p/a", "/api/v1", "/p/a/api/v1"} {
			w := b.do(http.MethodPost, base+"/metrics/", metricBody, "Authorization", "Bearer a")
			assert.Equal(t, tt.post, w.Code, tt.scopes)
			if tt.post == lacks {
				assert.Contains(t, w.Body.String(), "lacks the scope write", "says what to do")
			}
			w = b.do(http.MethodGet, base+"/contexts/c1", "", "Authorization", "Bearer a")
			assert.Equal(t, tt.get, w.Code, tt.scopes)
			if tt.get == lacks {
				assert.Contains(t, w.Body.String(), "pymon-bridge token add a --scope read", "says what to do")
			}
			w = b.do(http.MethodHead, base+"/contexts/c1", "", "Authorization", "Bearer a")
			assert.Equal(t, tt.get, w.Code, tt.scopes)
			w = b.do(http.MethodGet, base+"/docs", "", "Authorization", "Bearer a")
			assert.Equal(t, tt.anyRole, w.Code, tt.scopes)
		}
		assert.Equal(t, tt.get, b.do(http.MethodGet, "/-/metrics", "", "Authorization", "Bearer a").Code, tt.scopes)
		assert.Equal(t, lacks, b.do(http.MethodGet, "/p/b/contexts/c1", "", "Authorization", "Bearer a").Code, "no scope opens another project")
		assert.Equal(t, lacks, b.do(http.MethodPost, "/p/b/metrics/", metricBody, "Authorization", "Bearer a").Code)
	}
}

// A person must see that a secret is still in use somewhere, before revoking it.
func TestEveryUseOfATokenIsNoted(t *testing.T) {
	b := withScopes(newBridge(), monitor.ScopeRead)
	var used []int64
	b.auth.OnUse = func(id int64) { used = append(used, id) }
	for _, r := range []struct {
		method, path, secret string
		id                   int64
	}{
		{http.MethodGet, "/contexts/c1", "a", 1},
		{http.MethodGet, "/contexts/c1", "b", 2},
		{http.MethodGet, "/p/b/contexts/c1", "a", 1}, // refused
		{http.MethodPost, "/metrics/", "b", 2},       // refused
		{http.MethodGet, "/nothing", "a", 1},
		{http.MethodGet, "/contexts/c1", "guess", 0},
		{http.MethodGet, "/contexts/c1", "", 0},
	} {
		used = nil
		b.do(r.method, r.path, metricBody, "Authorization", "Bearer "+r.secret)
		if r.id == 0 {
			assert.Empty(t, used, r)
		} else {
			assert.Equal(t, []int64{r.id}, used, r)
		}
	}
}
