package web_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestRowsNameTheirClassOfMachine(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for n := range 3 {
		for _, machine := range []string{"-old", "-new"} {
			s.addSession(order{n: n, machine: machine, tests: map[string]float64{"a.py::test_a": 1, "a.py::test_b": 1}}, machine)
		}
	}
	r := s.judge(2)
	worse := result("a.py::test_a", monitor.StatusRegression, 1, 2, 1, 2)
	worse.Env = envOf("-old")
	r.Results = []monitor.Result{worse}
	r.Arrange()
	require.NoError(t, s.db.KeepReport(t.Context(), r))
	name := func(test, machine string) string {
		return fmt.Sprintf(`<b>%s <i class="on">CPU%s</i></b>`, test, machine)
	}
	for page, both := range map[string]bool{"": true, "runs/run-2": true, "tests?view=flat": true, "compare?only=all": true, "regressions": false,
		"tests?view=flat&env=": true} {
		html := s.html("/p/shop/" + page)
		assert.Contains(t, html, name("test_a", "-old"), page)
		if both {
			assert.Contains(t, html, name("test_b", "-new"), page)
		}
	}
	s.add(order{n: 3, machine: "-old", tests: map[string]float64{"a.py::test_a": 1}})
	assert.NotContains(t, s.html("/p/shop/runs/run-3"), `class="on"`, "it has one class of machine")
}
