package httpd_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// withLogin adds the routes that a page to log in needs.
func withLogin(b *bridge) *bridge {
	b.Public().POST("/-/login", func(c *gin.Context) {
		if _, err := b.LogIn(c, c.Query("secret")); err != nil {
			httpd.Fail(c, err)
		}
	})
	b.Public().POST("/-/logout", b.LogOut)
	b.Routes("/", monitor.ScopeRead).POST("/-/login/code", func(c *gin.Context) { c.String(http.StatusOK, b.LoginCode(c)) })
	b.Public().POST("/-/coded", func(c *gin.Context) {
		if project, err := b.LogInByCode(c, c.Query("code")); err != nil {
			httpd.Fail(c, err)
		} else {
			c.String(http.StatusOK, project)
		}
	})
	return b
}

// logIn returns the cookie that a browser gets.
func (b *bridge) logIn(t *testing.T, secret string) *http.Cookie {
	t.Helper()
	w := b.do(http.MethodPost, "/-/login?secret="+secret, "")
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	return cookies[0]
}

func TestALoginIsWorthItsToken(t *testing.T) {
	b := withLogin(withScopes(newBridge(), monitor.ScopeRead, monitor.ScopeWrite))
	cookie := b.logIn(t, "a")
	sent := cookie.Name + "=" + cookie.Value
	assert.NotContains(t, sent, "secret")
	get := func(path string, headers ...string) int {
		return b.do(http.MethodGet, path, "", append(headers, "Cookie", sent)...).Code
	}
	assert.Equal(t, http.StatusOK, get("/p/a/contexts/c1"))
	assert.Equal(t, http.StatusForbidden, get("/p/b/contexts/c1"), "the token's project only")
	assert.Equal(t, http.StatusUnauthorized, get("/p/a/contexts/c1", "Authorization", "Bearer wrong"), "the header counts")
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/p/a/contexts/c1", "", "Cookie", cookie.Name+"=x").Code)

	post := func(headers ...string) int {
		return b.do(http.MethodPost, "/p/a/metrics/", metricBody, append(headers, "Cookie", sent)...).Code
	}
	assert.Equal(t, http.StatusUnauthorized, post(), "nothing says that the page is the bridge's own")
	assert.Equal(t, http.StatusForbidden, post("Origin", "http://evil.example"))
	assert.Equal(t, http.StatusCreated, post("Origin", "http://example.com"))

	w := b.do(http.MethodPost, "/-/login?secret=wrong", "", "Cookie", sent)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, http.StatusOK, get("/p/a/contexts/c1"), "a login that fails ends none")
	w = b.do(http.MethodPost, "/-/login?secret=a", "", "Cookie", sent)
	assert.Equal(t, http.StatusUnauthorized, get("/p/a/contexts/c1"), "a browser has one login")
	sent = cookie.Name + "=" + w.Result().Cookies()[0].Value
	assert.Equal(t, http.StatusOK, get("/p/a/contexts/c1"))

	b.do(http.MethodPost, "/-/logout", "", "Cookie", sent)
	assert.Equal(t, http.StatusUnauthorized, get("/p/a/contexts/c1"), "after logging out")

	sent = cookie.Name + "=" + b.logIn(t, "a").Value
	assert.Equal(t, http.StatusOK, get("/p/a/contexts/c1"))
	b.TokensFn = func(context.Context) (monitor.TokenList, error) { return monitor.TokenList{Had: true}, nil }
	b.Reload(t.Context())
	assert.Equal(t, http.StatusUnauthorized, get("/p/a/contexts/c1"), "the token is revoked")
}

// A code gives a browser the rights of the token that it was made with, once.
func TestACodeIsWorthItsToken(t *testing.T) {
	b := withLogin(withScopes(newBridge(), monitor.ScopeRead))
	code := func() string {
		w := b.do(http.MethodPost, "/-/login/code", "", "Authorization", "Bearer a")
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		return w.Body.String()
	}
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodPost, "/-/login/code", "").Code)
	one := code()
	assert.GreaterOrEqual(t, len(one), 26)
	assert.NotEqual(t, one, code())
	w := b.do(http.MethodPost, "/-/coded?code="+one, "")
	require.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "a", w.Body.String())
	sent := w.Result().Cookies()[0].Name + "=" + w.Result().Cookies()[0].Value
	assert.NotContains(t, sent, one)
	assert.Equal(t, http.StatusOK, b.do(http.MethodGet, "/p/a/contexts/c1", "", "Cookie", sent).Code)
	assert.Equal(t, http.StatusForbidden, b.do(http.MethodGet, "/p/b/contexts/c1", "", "Cookie", sent).Code)
	for name, not := range map[string]string{"used": one, "none": "", "the token": "a", "a login": sent[strings.Index(sent, "=")+1:]} {
		assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodPost, "/-/coded?code="+not, "").Code, name)
	}
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodGet, "/p/a/contexts/c1", "", "Authorization", "Bearer "+code()).Code, "a code is no token")
	assert.Equal(t, http.StatusForbidden, b.do(http.MethodPost, "/-/coded?code="+code(), "", "Origin", "http://evil.example").Code)
	kept := code()
	b.TokensFn = func(context.Context) (monitor.TokenList, error) { return monitor.TokenList{Had: true}, nil }
	b.Reload(t.Context())
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodPost, "/-/coded?code="+kept, "").Code, "the token is revoked")

	assert.Empty(t, withLogin(newBridge()).do(http.MethodPost, "/-/login/code", "").Body.String(), "the bridge needs no token")
}

func TestLoginNeedsATokenThatMayRead(t *testing.T) {
	b := withLogin(withScopes(newBridge(), monitor.ScopeWrite))
	assert.Equal(t, http.StatusForbidden, b.do(http.MethodPost, "/-/login?secret=a", "").Code)
	assert.Equal(t, http.StatusUnauthorized, b.do(http.MethodPost, "/-/login?secret=c", "").Code)
	assert.Equal(t, http.StatusForbidden, b.do(http.MethodPost, "/-/login?secret=a", "", "Origin", "http://evil.example").Code)
	w := withLogin(newBridge()).do(http.MethodPost, "/-/login?secret=a", "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Result().Cookies(), "the bridge needs no token")
}

func TestCookieOfALogin(t *testing.T) {
	b := withLogin(withScopes(newBridge(), monitor.ScopeRead))
	cookie := b.logIn(t, "a")
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, 30*24*3600, cookie.MaxAge)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.False(t, cookie.Secure)
	assert.Equal(t, "/", cookie.Path)
	assert.GreaterOrEqual(t, len(cookie.Value), 26)
	assert.NotEqual(t, cookie.Value, b.logIn(t, "a").Value)

	b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	cookie = b.logIn(t, "a")
	assert.True(t, cookie.Secure)
	assert.Equal(t, "/pymon/", cookie.Path)

	w := b.to("localhost:8080", http.MethodPost, "/-/login?secret=a")
	assert.Equal(t, "pymon-bridge-8080", w.Result().Cookies()[0].Name, "browsers send a cookie to all ports")
}

func TestErrorsArePagesForBrowsers(t *testing.T) {
	b := withScopes(newBridge(), monitor.ScopeRead)
	var got []httpd.ErrorAnswer
	b.ErrorPage = func(c *gin.Context, answer httpd.ErrorAnswer) {
		got = append(got, answer)
		c.String(answer.Status, "page")
	}
	browser := []string{"Accept", "text/html,*/*;q=0.8"}
	w := b.do(http.MethodGet, "/nothing", "", append(browser, "Authorization", "Bearer a")...)
	assert.Equal(t, "page", w.Body.String())
	w = b.do(http.MethodGet, "/p/a/contexts/c", "", browser...)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Empty(t, w.Header().Get("WWW-Authenticate"), "no window of the browser over the form")
	require.Len(t, got, 2)
	assert.Contains(t, got[0].Message, "no such route")
	for name, headers := range map[string][]string{"a program": {"Accept", "*/*"}, "nothing": nil, "JSON": {"Accept", "application/json, text/html"}} {
		w = b.do(http.MethodGet, "/p/a/contexts/c", "", headers...)
		assert.True(t, strings.HasPrefix(w.Body.String(), "{"), name)
		assert.NotEmpty(t, w.Header().Get("WWW-Authenticate"), name)
	}
	assert.True(t, strings.HasPrefix(b.do(http.MethodGet, "/api/v1/nothing", "", browser...).Body.String(), "{"), "the API answers JSON")
}

func TestAddressOfTheBridge(t *testing.T) {
	b := withScopes(newBridge(), monitor.ScopeRead)
	b.Routes("/", monitor.ScopeRead).GET("/base", func(c *gin.Context) { c.String(http.StatusOK, b.BaseURL(c)) })
	assert.Equal(t, "http://x:TOKEN@example.com", b.do(http.MethodGet, "/base", "", "Authorization", "Bearer a").Body.String())
	b.PublicURL = &url.URL{Scheme: "https", Host: "ci.example.org", Path: "/pymon/"}
	assert.Equal(t, "https://x:TOKEN@ci.example.org/pymon", b.do(http.MethodGet, "/base", "", "Authorization", "Bearer a").Body.String())
}
