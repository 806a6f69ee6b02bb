package httpd_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

func token(project, secret string) monitor.Token {
	return monitor.Token{Project: project, Scopes: []monitor.Scope{monitor.ScopeWrite, monitor.ScopeRead}, Hash: sha256.Sum256([]byte(secret))}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// withTokens gives a bridge two tokens for project a and one token for project b.
func withTokens(b *bridge) *bridge {
	all := []monitor.Token{token("a", "old-secret"), token("b", "b-secret"), token("a", "new-secret")}
	b.TokensFn = func(context.Context) (monitor.TokenList, error) { return monitor.TokenList{Valid: all}, nil }
	return b
}

func TestPostNeedsATokenOfItsProject(t *testing.T) {
	tests := []struct {
		name, path, authorization string
		status                    int
		project                   string // of the stored record
	}{
		{"none", "/metrics/", "", 401, ""},
		{"none, project", "/p/a/metrics/", "", 401, ""},
		{"wrong", "/metrics/", basic("x", "guess"), 401, ""},
		{"empty password", "/metrics/", basic("x", ""), 401, ""},
		{"token as user name", "/metrics/", basic("new-secret", ""), 401, ""},
		{"basic", "/metrics/", basic("x", "new-secret"), 201, "a"},
		{"basic, second token of the project", "/metrics/", basic("x", "old-secret"), 201, "a"},
		{"basic, any user", "/api/v1/metrics/", basic("someone else", "b-secret"), 201, "b"},
		{"basic, no user", "/metrics/", basic("", "b-secret"), 201, "b"},
		{"basic, two spaces", "/metrics/", strings.Replace(basic("x", "b-secret"), " ", "  ", 1), 201, "b"},
		{"basic, own project", "/p/a/metrics/", basic("x", "new-secret"), 201, "a"},
		{"basic, other project", "/p/b/metrics/", basic("x", "new-secret"), 403, ""},
		{"basic, unknown project", "/p/c/api/v1/metrics/", basic("x", "new-secret"), 403, ""},
		{"basic, impossible project", "/p/a%20b/metrics/", basic("x", "new-secret"), 404, ""},
		{"bearer", "/metrics/", "Bearer b-secret", 201, "b"},
		{"bearer, any case and spaces", "/metrics/", " bEARER   b-secret ", 201, "b"},
		{"token", "/metrics/", "Token b-secret", 201, "b"},
		{"token, other project", "/p/a/metrics/", "Token b-secret", 403, ""},
		{"unknown scheme", "/metrics/", "Digest b-secret", 401, ""},
		{"no scheme", "/metrics/", "b-secret", 401, ""},
		{"scheme alone", "/metrics/", "Bearer", 401, ""},
		{"not base64", "/metrics/", "Basic §§§", 401, ""},
		{"base64 without colon", "/metrics/", "Basic " + base64.StdEncoding.EncodeToString([]byte("b-secret")), 401, ""},
		{"hash instead of token", "/metrics/", "Bearer " + string(hashText("b-secret")), 401, ""},
		{"prefix of a token", "/metrics/", "Bearer b-secre", 401, ""},
		{"longer than a token", "/metrics/", "Bearer b-secrett", 401, ""},
		{"case matters", "/metrics/", "Bearer B-secret", 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := withTokens(newBridge())
			w := b.do(http.MethodPost, tt.path, metricBody, "Authorization", tt.authorization)
			assert.Equal(t, tt.status, w.Code, w.Body)
			assert.Equal(t, tt.status == 401, w.Header().Get("WWW-Authenticate") == `Basic realm="pymon-bridge", charset="UTF-8"`)
			if tt.project == "" {
				assert.Empty(t, b.projects())
			} else {
				assert.Equal(t, []string{tt.project}, b.projects())
			}
			for _, secret := range []string{"secret", "guess", base64.StdEncoding.EncodeToString([]byte("x:new-secret"))} {
				assert.NotContains(t, b.log.String(), secret, "tokens are never logged")
			}
		})
	}
}

func hashText(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func TestAllRoutesExceptPublicNeedAToken(t *testing.T) {
	for _, path := range []string{"/contexts/abc", "/p/a/sessions/abc", "/-/metrics", "/nothing", "/metrics/"} {
		w := withTokens(newBridge()).do(http.MethodGet, path, "")
		assert.Equal(t, http.StatusUnauthorized, w.Code, path)
	}
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		assert.Equal(t, http.StatusOK, withTokens(newBridge()).do(http.MethodGet, path, "").Code, path)
	}
	for _, secret := range []string{"old-secret", "b-secret"} {
		w := withTokens(newBridge()).do(http.MethodGet, "/-/metrics", "", "Authorization", "Bearer "+secret)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "figures", w.Body.String())
	}
}

func TestReadsUseTheProjectOfTheToken(t *testing.T) {
	b := withTokens(newBridge())
	for secret, want := range map[string]string{"b-secret": "of b", "new-secret": "of a"} {
		assert.Equal(t, want, b.do(http.MethodGet, "/contexts/c1", "", "Authorization", "Bearer "+secret).Body.String())
	}
}

func TestWithoutTokensAllowAnonymousDecides(t *testing.T) {
	b := newBridge()
	assert.Equal(t, http.StatusCreated, b.do(http.MethodPost, "/metrics/", metricBody).Code)
	w := b.do(http.MethodPost, "/p/b/metrics/", metricBody, "Authorization", basic("from", ".netrc"))
	assert.Equal(t, http.StatusCreated, w.Code, "unnecessary credentials are ignored")
	b.auth.AllowAnonymous = false
	w = b.do(http.MethodPost, "/metrics/", metricBody)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Body.String(), "token add")
	w = b.do(http.MethodPost, "/metrics/", metricBody, "Authorization", basic("from", ".netrc"))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
}

// tokenStore has a list of tokens that a test can change. It counts its reads.
type tokenStore struct {
	tokens []monitor.Token
	had    bool // there was a token
	err    error
	reads  int
}

func (s *tokenStore) Tokens(context.Context) (monitor.TokenList, error) {
	s.reads++
	return monitor.TokenList{Valid: s.tokens, Had: s.had}, s.err
}

func newAuthenticator(s *tokenStore) *httpd.Authenticator {
	return httpd.NewAuthenticator(s, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func admit(a *httpd.Authenticator, secret string) monitor.Code {
	authorization := ""
	if secret != "" {
		authorization = "Bearer " + secret
	}
	_, err := a.Admit(context.Background(), authorization, "")
	return monitor.ErrorCode(err)
}

func TestAuthenticatorFollowsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tokenStore{tokens: []monitor.Token{token("a", "one")}}
		a := newAuthenticator(store)
		assert.Empty(t, admit(a, "one"))
		store.tokens = append(store.tokens, token("a", "two"))
		time.Sleep(100 * time.Millisecond)
		assert.Empty(t, admit(a, "two"), "a new token is valid before the next regular read")
		store.tokens = store.tokens[1:]
		assert.Empty(t, admit(a, "one"), "the list is at most a second old")
		time.Sleep(time.Second)
		assert.Equal(t, monitor.EUnauthorized, admit(a, "one"))
		assert.Empty(t, admit(a, "two"))
	})
}

func TestAuthenticatorSeldomReadsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tokenStore{tokens: []monitor.Token{token("a", "one")}}
		a := newAuthenticator(store)
		for range 1000 {
			assert.Empty(t, admit(a, "one"))
			assert.Equal(t, monitor.EUnauthorized, admit(a, "wrong"))
			assert.Equal(t, monitor.EUnauthorized, admit(a, ""))
		}
		assert.Equal(t, 1, store.reads)
		for range 1000 {
			admit(a, "one")
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, store.reads, 11, "once per second for a valid token")
		before, begin := store.reads, time.Now()
		for range 1000 {
			admit(a, "wrong")
			time.Sleep(time.Millisecond)
		}
		assert.LessOrEqual(t, store.reads-before, int(time.Since(begin)/(100*time.Millisecond))+1, "ten times per second for a wrong token")
	})
}

func TestANewTokenIsValidAtOnceBesideWrongOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tokenStore{tokens: []monitor.Token{token("a", "one")}}
		a := newAuthenticator(store)
		admit(a, "wrong")
		time.Sleep(time.Millisecond)
		store.tokens = append(store.tokens, token("a", "new"))
		assert.Empty(t, admit(a, "new"))
	})
}

func TestATokenExpiresWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := token("a", "old")
		old.Expires = time.Now().Add(time.Hour)
		store := &tokenStore{tokens: []monitor.Token{old, token("a", "one")}}
		a := newAuthenticator(store)
		assert.Empty(t, admit(a, "old"))
		store.err = errors.New("locked")
		time.Sleep(time.Hour)
		assert.Equal(t, monitor.EUnauthorized, admit(a, "old"))
		assert.Empty(t, admit(a, "one"))
	})
}

func TestAuthenticatorAfterTheLastTokenIsRevoked(t *testing.T) {
	for _, allowAnonymous := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &tokenStore{tokens: []monitor.Token{token("a", "one")}}
			a := newAuthenticator(store)
			a.AllowAnonymous = allowAnonymous
			assert.Empty(t, admit(a, "one"))
			assert.Equal(t, monitor.EUnauthorized, admit(a, ""), "a token is required while there are tokens")
			store.tokens, store.had = nil, true
			time.Sleep(time.Second)
			for _, secret := range []string{"", "one"} {
				_, err := a.Admit(context.Background(), "Bearer "+secret, "")
				assert.Equal(t, monitor.EUnauthorized, monitor.ErrorCode(err))
				assert.ErrorContains(t, err, "token add", "the way back in")
			}
			assert.Equal(t, monitor.EUnauthorized, admit(newWith(store, allowAnonymous), ""), "after a restart")
		})
	}
}

func newWith(s *tokenStore, allowAnonymous bool) *httpd.Authenticator {
	a := newAuthenticator(s)
	a.AllowAnonymous = allowAnonymous
	return a
}

func TestAuthenticatorWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tokenStore{err: errors.New("locked")}
		a := newAuthenticator(store)
		a.AllowAnonymous = true
		assert.Equal(t, monitor.EUnavailable, admit(a, ""), "unknown tokens are not the same as no tokens")
		assert.Equal(t, monitor.EUnavailable, admit(a, "one"))
		assert.Equal(t, 1, store.reads, "a failing store is not read for every request")
		store.tokens, store.err = []monitor.Token{token("a", "one")}, nil
		time.Sleep(100 * time.Millisecond)
		assert.Empty(t, admit(a, "one"))
		store.tokens, store.err = nil, errors.New("locked")
		time.Sleep(time.Minute)
		assert.Empty(t, admit(a, "one"), "the tokens of the last read stay valid")
		assert.Equal(t, monitor.EUnauthorized, admit(a, ""), "a token is still required")
	})
}

// slowStore answers the second read only after release is closed.
type slowStore struct {
	reads   atomic.Int32
	release chan struct{}
}

func (s *slowStore) Tokens(ctx context.Context) (monitor.TokenList, error) {
	if s.reads.Add(1) > 1 {
		<-s.release
	}
	return monitor.TokenList{Valid: []monitor.Token{token("a", "one")}}, ctx.Err()
}

func TestAuthenticatorDoesNotWaitForASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{release: make(chan struct{})}
		a := httpd.NewAuthenticator(store, slog.New(slog.NewTextHandler(io.Discard, nil)))
		assert.Empty(t, admit(a, "one"))
		time.Sleep(time.Second)
		gone, cancel := context.WithCancel(context.Background())
		result := make(chan error)
		go func() { _, err := a.Admit(gone, "Bearer one", ""); result <- err }()
		synctest.Wait() // until the request reads the store
		cancel()
		for range 10 {
			assert.Empty(t, admit(a, "one"))
		}
		assert.EqualValues(t, 2, store.reads.Load())
		close(store.release)
		assert.NoError(t, <-result, "the read goes on after its client went away")
	})
}
