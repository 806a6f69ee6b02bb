package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const passed = "testenv.pass_env+=PYTHONPATH,PYTEST_ADDOPTS,PYMON_*,NO_PROXY,no_proxy"

func TestEnvironmentOfTests(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before []string
		to     client
		tags   []string
		want   []string // what differs from before
		gone   []string
	}{
		"nothing was there": {nil, client{"http://127.0.0.1:8080", "SECRET", "shop"}, nil, []string{
			"PYTHONPATH=/tmp/plugin", "PYTEST_ADDOPTS=-p pymon_bridge", "PYMON_URL=http://127.0.0.1:8080/p/shop", "PYMON_TOKEN=SECRET",
			"PYMON_RUN=id", "PYMON_TAGS=pymon_run=id", "NO_PROXY=127.0.0.1", "TOX_OVERRIDE=" + passed,
			"PYMON_RUN_TAKEOVER=NO_PROXY,TOX_OVERRIDE"}, []string{"no_proxy"}},
		"the user's own stay": {[]string{"PYTHONPATH=/mine:/lib", "PYTEST_ADDOPTS=-x --tb=short", "NO_PROXY=intern", "TOX_OVERRIDE=testenv.deps=", "PYMON_RUN=ci-7"},
			client{"http://127.0.0.1:8080", "", "shop"}, []string{"branch=main", "note=a=b"}, []string{
				"PYTHONPATH=/tmp/plugin:/mine:/lib", "PYTEST_ADDOPTS=-p pymon_bridge -x --tb=short", "NO_PROXY=intern,127.0.0.1",
				"TOX_OVERRIDE=testenv.deps=;" + passed, "PYMON_RUN=id", "PYMON_TAGS=pymon_run=id\nbranch=main\nnote=a=b",
				"PYMON_RUN_TAKEOVER="}, []string{"no_proxy", "PYMON_TOKEN"}},
		"a tag names the run":        {nil, client{"http://b", "", ""}, []string{"run=shards"}, []string{"PYMON_RUN=shards", "PYMON_TAGS=pymon_run=id\nrun=shards"}, nil},
		"no proxy for any host":      {[]string{"no_proxy=*"}, client{"http://b", "", ""}, nil, []string{"no_proxy=*"}, []string{"NO_PROXY"}},
		"both variables for proxies": {[]string{"no_proxy=a", "NO_PROXY=127.0.0.1"}, client{"http://b", "", ""}, nil, []string{"no_proxy=a,127.0.0.1", "NO_PROXY=127.0.0.1"}, nil},
		"the token of a file":        {[]string{"PYMON_TOKEN_FILE=/run/secret"}, client{"http://b", "T", ""}, nil, []string{"PYMON_TOKEN=T"}, []string{"PYMON_TOKEN_FILE"}},
		"a path and a token in the address": {nil, client{"https://x:T@ci.example.org/pymon/api/v1", "", "shop"}, nil,
			[]string{"PYMON_URL=https://x:T@ci.example.org/pymon/p/shop"}, nil},
	} {
		e := environmentOf(tc.before)
		require.NoError(t, e.forTests("/tmp/plugin", tc.to, "id", tc.tags), name)
		got := e.list()
		for _, variable := range tc.want {
			assert.Contains(t, got, variable, name)
		}
		for _, gone := range tc.gone {
			assert.NotContains(t, e, gone, name)
		}
	}
	assert.Error(t, environment{}.forTests("", client{"bridge", "", ""}, "id", nil), "no address")
}

// The settings of a serving bridge, such as its address, are not those of the bridge of `run`.
func TestEnvironmentOfTheBridge(t *testing.T) {
	t.Parallel()
	e := environmentOf([]string{"HOME=/root", "PYMON_LISTEN=0.0.0.0:8080", "PYMON_TLS_CERT=x", "PYMON_TOKEN=T", "PYMON_MIN_FREE=1MiB", "LISTEN_FDS=1",
		"INFLUX_TOKEN_FILE=/run/token", "INFLUX_URL=http://old", "PATH=/a", "PATH=/bin"})
	e.forBridge(influxFlags{URL: "http://influx", Token: "I", Org: "o", Bucket: "b"})
	assert.Equal(t, "HOME=/root INFLUX_BUCKET=b INFLUX_ORG=o INFLUX_TOKEN=I INFLUX_URL=http://influx PATH=/bin PYMON_MIN_FREE=1MiB",
		strings.Join(e.list(), " "))
}
