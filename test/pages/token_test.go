package pages_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// TestPagesWithTokens enters a bridge that needs tokens, and leaves it.
func TestPagesWithTokens(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	token := func(args ...string) string {
		r := harness.RunProgram(t, nil, append([]string{"token", "add", "--data", bridge.Data}, args...)...)
		require.Equal(t, 0, r.ExitCode, r.Stderr)
		return strings.TrimSpace(r.Stdout)
	}
	read, write := token("shop", "--scope", "read"), token("shop", "--scope", "write")
	p := newTab(t, 1280, "light")
	p.expected = []string{"401", "403"}
	enter := func(secret string) {
		p.do(chromedp.Focus(chromedp.CSS("#token")))
		p.press(secret + kb.Enter)
	}
	p.wait(`true`)
	p.open(bridge.URL + "/p/shop/find?q=x")
	assert.Equal(t, "Log in", p.text("h1"))
	p.accessible("log in")
	assert.Equal(t, "pymon-bridge", p.text(".foot span"), "strangers learn no version")
	enter("nonsense")
	p.wait(`document.querySelector(".wrong")`)
	assert.Contains(t, p.text(".wrong"), "not valid")
	enter(write)
	p.wait(`document.querySelector(".wrong")?.innerText.includes("scope read")`)
	enter(read)
	p.wait(`location.pathname === "/p/shop/find"`)
	assert.Equal(t, "?q=x", eval[string](p, `location.search`), "it goes on where it was asked for a token")
	assert.Empty(t, eval[string](p, `document.cookie`), "no script sees the cookie")

	p.open(bridge.URL + "/")
	assert.Equal(t, "/p/shop/", p.address(), "the project of the token")
	assert.Contains(t, p.text("#c-pytest"), "://x:TOKEN@")
	p.open(bridge.URL + "/p/other/")
	assert.Equal(t, "This is not for you", p.text("h1"))
	p.accessible("another project")

	p.open(bridge.URL + "/p/shop/")
	p.click(".out .btn")
	p.wait(`location.pathname === "/-/login"`)
	p.open(bridge.URL + "/p/shop/")
	assert.Equal(t, "Log in", p.text("h1"))

	// A code of the command open is behind "#". A click uses it, once, and it stays nowhere.
	code := loginCode(t, bridge.URL, read)
	coded := bridge.URL + "/-/login?next=%2Fp%2Fshop%2Ffind%3Fq%3Dx#code=" + code
	p.open("about:blank")
	p.open(coded)
	p.wait(`document.activeElement?.innerText === "Log in"`)
	assert.Empty(t, eval[string](p, `location.hash`))
	assert.Equal(t, bridge.URL+"/-/login?next=%2Fp%2Fshop%2Ffind%3Fq%3Dx", eval[string](p, `location.href`))
	assert.True(t, eval[bool](p, `document.getElementById("token").offsetParent === null`), "one thing to do")
	p.accessible("log in by a code")
	p.press(kb.Enter)
	p.wait(`location.pathname === "/p/shop/find"`)
	p.open(coded)
	assert.Equal(t, "/p/shop/find?q=x", p.address(), "who is logged in goes on")
	assert.Equal(t, "#main", eval[string](p, `location.hash`))
	p.click(".out .btn")
	p.wait(`location.pathname === "/-/login"`)
	p.open("about:blank")
	p.open(coded)
	p.wait(`document.activeElement?.innerText === "Log in"`)
	p.press(kb.Enter)
	p.wait(`document.querySelector(".wrong")?.innerText.includes("used already")`)

	request, err := http.NewRequest(http.MethodGet, bridge.URL+"/p/shop/", nil)
	require.NoError(t, err)
	request.SetBasicAuth("x", read)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode, "Basic works too")
}

// loginCode asks for a code to log in with, as the command open does.
func loginCode(t *testing.T, bridge, token string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, bridge+"/-/login/code", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var body struct{ Code string }
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&body))
	assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	return body.Code
}
