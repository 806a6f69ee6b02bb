package pages_test

import (
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

	request, err := http.NewRequest(http.MethodGet, bridge.URL+"/p/shop/", nil)
	require.NoError(t, err)
	request.SetBasicAuth("x", read)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusOK, answer.StatusCode, "Basic works too")
}
