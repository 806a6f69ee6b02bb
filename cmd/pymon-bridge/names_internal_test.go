package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestScopesOfANewToken(t *testing.T) {
	t.Parallel()
	c := &tokenAddCmd{Scope: []monitor.Scope{"write", "read", "write"}}
	require.NoError(t, c.Validate())
	assert.Equal(t, []monitor.Scope{"read", "write"}, c.Scope)
	assert.ErrorContains(t, (&tokenAddCmd{}).Validate(), "--scope: expected ", "an empty variable of a script")
}

func TestNamesOfTheBridge(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"bridge": true, "bridge.example.org": true, "bridge:8080": false, "http://bridge": false, "a/b": false, "": true,
	} {
		err := (&serveCmd{HostName: []string{name}}).validateNames()
		assert.Equal(t, ok, err == nil, name)
		if !ok {
			assert.ErrorContains(t, err, "--host-name: expected a name without scheme and port")
		}
	}
	for address, host := range map[string]string{
		"https://ci.example.org./pymon/": "ci.example.org", "https://ci.example.org.:8443": "ci.example.org:8443",
		"https://[::1]:8443/": "[::1]:8443",
	} {
		u, err := url.Parse(address)
		require.NoError(t, err)
		require.NoError(t, (&serveCmd{PublicURL: u}).validateNames())
		assert.Equal(t, host, u.Host)
	}
	for _, address := range []string{"https://user:secret@ci.example.org/", "https://user@ci.example.org/", "https://ci.example.org/#secret",
		"https://ci.example.org/?", "https://ci.example.org/?token=secret", "https://ci.example.org:65536/", "https://ci.example.org:99999999999999999999/",
		"ftp://ci.example.org/", "https:ci.example.org", "https:///pymon/", "ci.example.org", "https://ci.example.org:0/"} {
		u, err := url.Parse(address)
		require.NoError(t, err, address)
		err = (&serveCmd{PublicURL: u}).validateNames()
		require.ErrorContains(t, err, "--public-url: expected ", address)
		assert.NotContains(t, err.Error(), "secret")
	}
	c := &serveCmd{PublicURL: &url.URL{}} // PYMON_PUBLIC_URL=
	require.NoError(t, c.validateNames())
	assert.Nil(t, c.PublicURL)
}

// Names of runs and tests may be anything, and none leads to another route.
func TestNamesStayPartsOfAnAddress(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"..": "%2E%2E", ".": "%2E", "a/..": "a%2F..", "v1.2": "v1.2", "%2E": "%252E", "a b?": "a%20b%3F"} {
		got := ""
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
		path := []string{"runs", name, "report"}
		response, err := client{URL: server.URL + "/p/shop"}.get(t.Context(), nil, path...)
		require.NoError(t, err, name)
		require.NoError(t, response.Body.Close())
		server.Close()
		assert.Equal(t, "/p/shop/api/v1/runs/"+want+"/report", got)
		assert.Equal(t, name, path[1], "who asks again has the same name")
	}
}
