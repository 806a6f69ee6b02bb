package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShownRunIDsAreAccepted holds that what a page shows of a long id of a run leads to the run.
func TestShownRunIDsAreAccepted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	long := func(begin string) string { return begin + strings.Repeat("0", 32-len(begin)) }
	alone, other, twin := long("0123456789ab"), long("fedcba98760"), long("fedcba98761")
	for n, run := range []string{alone, other, twin, "abc12"} {
		s.add(order{n: n, run: run, tests: map[string]float64{"a.py::test_a": 1}})
	}
	require.Contains(t, s.html("/p/shop/runs"), "<b>0123456789</b>", "as pages show it")
	for _, text := range []string{"0123456", "0123456789", alone} {
		assert.Equal(t, "/p/shop/runs/"+alone, s.get("/p/shop/find?q="+text).Header().Get("Location"), text)
		var page comparison
		s.data(fmt.Sprintf("/p/shop/compare?base=%s&head=%s", text, other), &page)
		require.NotNil(t, page.Base, text)
		assert.Equal(t, alone, page.Base.Run)
	}
	for _, text := range []string{"0123456", "0123456789"} {
		w := s.get("/p/shop/runs/" + text)
		assert.Equal(t, http.StatusSeeOther, w.Code, text)
		assert.Equal(t, "/p/shop/runs/"+alone, w.Header().Get("Location"), "one address for a run")
	}
	for _, text := range []string{"fedcba9876", "fedcba9"} {
		assert.Equal(t, http.StatusNotFound, s.get("/p/shop/runs/"+text).Code, "two runs begin with it")
		html := s.html("/p/shop/find?q=" + text)
		assert.Contains(t, html, "/runs/"+other)
		assert.Contains(t, html, "/runs/"+twin)
	}
	for _, text := range []string{"012345", "abc1", "0123456x", "%"} {
		assert.Equal(t, http.StatusNotFound, s.get("/p/shop/runs/"+strings.ReplaceAll(text, "%", "%25")).Code, text)
	}
}
