package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestProgramsReadTheFirstPage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	assert.Equal(t, http.StatusOK, s.get("/?format=json", "Accept", "*/*").Code)
	assert.Equal(t, http.StatusNotFound, s.get("/", "Accept", "*/*").Code)
}

func TestATestNamedBySpacesCanBeClicked(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py:: ": 1}})
	s.add(order{n: 2, tests: map[string]float64{"a.py:: ": 1}})
	for _, page := range []string{"", "runs/run-1", "tests?view=flat", "compare?only=all"} {
		assert.Contains(t, s.html("/p/shop/"+page), "<b>&#34; &#34;</b>", page)
	}
}

func TestAPlaceIsMarkedWhereItIs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.add(order{n: 1, tests: map[string]float64{"a.py::test_a": 1}})
	assert.NotContains(t, s.html("/p/shop/find?q=zzz"), `aria-current="page">Overview`)
	assert.Contains(t, s.html("/p/shop/"), `aria-current="page">Overview`)
}
