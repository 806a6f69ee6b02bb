package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// nginx passes on what is below a path, without the path. The bridge knows the path from nginx, or from --public-url.
// Everything that a client can do works there, and every link leads to the bridge.
func TestBridgeBelowAPathOfAProxy(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC", "--trusted-proxy", "127.0.0.1",
		"--public-url", "https://ci.example.org/tests/pymon/"}})
	s := openShop(t, bridge.URL+"/p/shop")
	proxies := map[string]string{ // by path
		"/pymon":       harness.StartNginxBelow(t, bridge.URL, "/pymon", true).URL,
		"/tests/pymon": harness.StartNginxBelow(t, bridge.URL, "/tests/pymon", false).URL,
	}
	for path, proxy := range proxies {
		assertAnswers(t, s, readAll(t, proxy+path+"/p/shop/api/v1", s))
		for _, base := range []string{path + "/p/shop/api/v1", path + "/api/v1"} {
			assertLinks(t, proxy, base, len(s.metrics))
		}
	}
	for path, proxy := range proxies {
		t.Run("pytest and check below "+path, func(t *testing.T) {
			t.Parallel()
			team := strings.ReplaceAll(path[1:], "/", "-")
			sent := runBehind(t, proxy+path+"/p/"+team)
			assertHas(t, proxy+path, team, 1, len(sent.Metrics))
			check := harness.RunProgram(t, nil, "check", "--url", proxy+path, "--project", team, "--run", "ci-7", "--format", "markdown")
			assert.Equal(t, 0, check.ExitCode, check.Stderr)
			link := regexp.MustCompile(`<(http[^>]+)>`).FindStringSubmatch(check.Stdout)
			require.NotEmpty(t, link, check.Stdout)
			_, report := ask(t, strings.Replace(link[1], "https://ci.example.org/tests/pymon", proxy+path, 1))
			assert.Contains(t, report, "ci-7")
		})
	}
}

// assertLinks asserts that the links of lists and of the page for people lead to what they name. host is the address of the
// proxy, and base a path there. A list has the metrics of the shop.
func assertLinks(t *testing.T, host, base string, metrics int) {
	t.Helper()
	for _, list := range []string{"/metrics/", "/items/test_cart/metrics", "/components/shop/metrics"} {
		pages, last, all := 0, "", 0
		for next := base + list; next != ""; pages++ {
			_, body := ask(t, host+next)
			var page struct {
				Metrics []any  `json:"metrics"`
				Next    string `json:"next_url"`
				Prev    string `json:"prev_url"`
			}
			require.NoError(t, json.Unmarshal([]byte(body), &page))
			if page.Prev != "" {
				_, before := ask(t, host+page.Prev)
				assert.Equal(t, last, before)
			}
			all, last, next = all+len(page.Metrics), body, page.Next
		}
		assert.Equal(t, []int{3, metrics}, []int{pages, all}, list)
	}
	var document struct {
		Servers []struct{ URL string }
		Paths   map[string]any
	}
	_, body := ask(t, host+base+"/openapi.json")
	require.NoError(t, json.Unmarshal([]byte(body), &document))
	for path := range document.Paths {
		if !strings.Contains(path, "{") && path != "/regressions/" && path != "/import/" { // it needs a commit or a run; it takes records only
			status := request{method: http.MethodGet}.send(t, host+document.Servers[0].URL+path).status
			assert.Contains(t, []int{http.StatusOK, http.StatusNoContent}, status, path)
		}
	}
	_, page := ask(t, host+base+"/docs")
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	assert.GreaterOrEqual(t, len(loaded), 4)
	for _, file := range loaded {
		_, body := ask(t, host+file[1])
		assert.NotEmpty(t, body, file[1])
	}
	assert.Contains(t, page, base+"/openapi.json")
}

// Two machines test one commit at the same time. Behind each documented balancer their runs stay apart, since the bridge
// trusts the balancer. The test is a proxy of the machines itself.
func TestClientsBehindDocumentedBalancers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nginx", "haproxy", "envoy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bridge := harness.StartBridge(t, harness.BridgeConfig{Args: append(trustsThisMachine(t), requireProject...)})
			base := harness.StartBalancer(t, name, bridge.URL, bridge.URL).URL + "/p/shop"
			started := newMachine().started
			for n, client := range []string{"203.0.113.1", "198.51.100.2", "2001:db8::3"} {
				process := newMachine()
				process.started = started
				header := []string{"X-Forwarded-For", client, "Content-Type", "application/json"}
				r := request{method: http.MethodPost, path: "/sessions/", body: process.sessionJSON(), header: header}.send(t, base)
				require.Equal(t, http.StatusCreated, r.status, r.body)
				_, runs := ask(t, base+"/api/v1/runs/")
				assert.Equal(t, n+1, strings.Count(runs, `"run":`), runs)
				r = request{method: http.MethodPost, path: "/metrics/", body: "{}", header: header}.send(t, base)
				require.Equal(t, http.StatusBadRequest, r.status)
				assert.Contains(t, bridge.Log(), fmt.Sprintf(`"client":%q`, client))
			}
		})
	}
}

// trustsThisMachine returns flags that make a bridge trust proxies on this machine. For a client on its own machine Envoy
// names another address of the machine than 127.0.0.1.
func trustsThisMachine(t *testing.T) (flags []string) {
	t.Helper()
	own, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range own {
		flags = append(flags, "--trusted-proxy", address.(*net.IPNet).IP.String())
	}
	return flags
}
