package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// The command of `run` for another run sends to the same project of the same bridge, and shows no token.
func TestRunAgainSendsToTheSameProject(t *testing.T) {
	for name, tc := range map[string]struct {
		url, project, token string
		env                 map[string]string
		want, note          string
	}{
		"a directory":     {"", "", "", nil, "pymon-bridge run -- pytest", ""},
		"a project":       {"", "shop", "", nil, "pymon-bridge run --project shop -- pytest", ""},
		"in the address":  {"http://h:1/x/p/shop/api/v1/", "", "", nil, "pymon-bridge run --url http://h:1/x/p/shop -- pytest", ""},
		"a flag":          {"http://h:1", "shop", "", nil, "pymon-bridge run --url http://h:1/p/shop -- pytest", ""},
		"both":            {"http://h:1/p/shop", "shop", "", nil, "pymon-bridge run --url http://h:1/p/shop -- pytest", ""},
		"a password":      {"http://x:s3cret@h:1/p/shop", "", "", nil, "pymon-bridge run --url http://h:1/p/shop -- pytest", "with the token in PYMON_TOKEN"},
		"a token":         {"http://h:1", "", "s3cret", nil, "pymon-bridge run --url http://h:1 -- pytest", "with the token in PYMON_TOKEN"},
		"its variable":    {"http://h:1", "", "s3cret", map[string]string{"PYMON_TOKEN": "s3cret"}, "pymon-bridge run --url http://h:1 -- pytest", ""},
		"its file":        {"http://h:1", "", "s3cret", map[string]string{"PYMON_TOKEN_FILE": "f"}, "pymon-bridge run --url http://h:1 -- pytest", ""},
		"a variable":      {"http://x:s3cret@h:1/p/shop", "", "", map[string]string{"PYMON_URL": "http://x:s3cret@h:1/p/shop"}, "pymon-bridge run -- pytest", ""},
		"and its project": {"http://h:1", "shop", "", map[string]string{"PYMON_URL": "http://h:1"}, "pymon-bridge run --project shop -- pytest", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"PYMON_URL", "PYMON_TOKEN", "PYMON_TOKEN_FILE"} {
				t.Setenv(variable, tc.env[variable])
			}
			i := &invocation{runCmd: &runCmd{URL: tc.url, Project: tc.project, Token: tc.token}, to: source{client: client{tc.url, tc.token, tc.project}}}
			assert.Equal(t, tc.want, strings.Join(i.again(), " "))
			assert.Equal(t, tc.note, i.tokenNote())
		})
	}
}

// The command of `check` keeps the branch, also where it judges a directory.
func TestCheckAgainKeepsTheBranch(t *testing.T) {
	t.Parallel()
	c := &checkCmd{Data: "kept"}
	r := &monitor.Report{Project: monitor.DefaultProject, Branch: "dev"}
	assert.Equal(t, "pymon-bridge run --data kept --tag branch=dev -- pytest", strings.Join(c.pytest(&source{seat: &seat{}}, r), " "))
	assert.Equal(t, "pytest --remote-server http://h --tag branch=dev", strings.Join(c.pytest(&source{client: client{URL: "http://h"}}, r), " "))
}

// The command of `check` shows no token, but says that one is needed. It has no tag that cannot be shown.
func TestCheckAgainSaysWhereTheTokenGoes(t *testing.T) {
	t.Parallel()
	bridge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte(`{"project": "shop", "run": "r", "branch": "main", "suite": {"status": "ok"}, "summary": {"suspects": 1},
			"results": [{"status": "suspect", "item": "test_a", "item_path": "test_a", "item_fs_loc": "test_a.py"}]}`))
		assert.NoError(t, err)
	}))
	t.Cleanup(bridge.Close)
	host := strings.TrimPrefix(bridge.URL, "http://")
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--url", bridge.URL}, "confirms or clears it:\n"},
		{[]string{"--url", bridge.URL, "--token", "s3cret"}, "confirms or clears it, with the token in the address, as http://x:TOKEN@" + host + "/p/shop:\n"},
		{[]string{"--url", "http://x:s3cret@" + host + "/p/shop"}, "confirms or clears it, with the token in the address, as http://x:TOKEN@" + host + "/p/shop:\n"},
	} {
		text := checked(t, tc.args...)
		assert.Contains(t, text, tc.want+"            pytest --remote-server "+bridge.URL+"/p/shop --tag branch=main test_a.py -k test_a\n")
		assert.NotContains(t, text, "s3cret")
	}
	assert.Equal(t, []string{"pytest", "--remote-server", "http://h"},
		report.SendTo("http://h", &monitor.Report{Project: monitor.DefaultProject, Branch: "a\n::error::b"}))
}
