package web_test

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// testList is the JSON of the list of tests.
type testList struct {
	Run     struct{ Run string }
	Folders []struct {
		Path   string
		File   bool
		Tests  int
		Wall   float64 `json:"total_time"`
		Ratio  *float64
		Status string
	}
	Tests []struct {
		Name, Status  string
		From          string `json:"last_good"`
		Passed, Ended int
	}
	Found int
}

func (l *testList) folders() (all []string) {
	for _, f := range l.Folders {
		all = append(all, f.Path)
	}
	return all
}

func (l *testList) names() (all []string) {
	for _, t := range l.Tests {
		all = append(all, t.Name)
	}
	return all
}

// suite is stored as five runs, of which the last one is twice as slow in one file.
func suite(t *testing.T) *shop {
	s := newShop(t)
	for n := range 5 {
		slow := 1.0
		if n == 4 {
			slow = 2
		}
		s.add(order{n: n, tests: map[string]float64{"tests/shop/a.py::test_a": slow, "tests/shop/a.py::test_b[1]": 2 * slow,
			`tests\shop\b.py::test_c`: 3.5, "tests/shop/deep/er/c.py::test_d": 0.5, "tests/shopping.py::test_e": 8, "d.py::test_f": 32}})
	}
	s.judge(4, result("tests/shop/a.py::test_b[1]", monitor.StatusRegression, 2, 4, 3, 4))
	return s
}

func TestTestsAreATree(t *testing.T) {
	t.Parallel()
	s := suite(t)
	for query, want := range map[string]struct{ folders, tests []string }{
		"":                                   {[]string{"d.py", "tests"}, nil},
		"sort=name":                          {[]string{"d.py", "tests"}, nil},
		"sort=wall&dir=asc":                  {[]string{"tests", "d.py"}, nil},
		"path=tests":                         {[]string{"tests/shop", "tests/shopping.py"}, nil},
		"path=tests&sort=name&dir=desc":      {[]string{"tests/shopping.py", "tests/shop"}, nil},
		"path=tests/shop/":                   {[]string{"tests/shop/a.py", "tests/shop/b.py", "tests/shop/deep"}, nil},
		"path=tests/shop&sort=ratio&dir=asc": {[]string{"tests/shop/b.py", "tests/shop/deep", "tests/shop/a.py"}, nil},
		"path=tests/shop/a.py":               {nil, []string{"test_b[1]", "test_a"}},
		"path=tests/shop/a.py&sort=name":     {nil, []string{"test_a", "test_b[1]"}},
		"path=tests/shop&view=flat":          {nil, []string{"test_b[1]", "test_c", "test_a", "test_d"}},
		"path=tests&q=SHOP+test_":            {nil, []string{"test_e", "test_b[1]", "test_c", "test_a", "test_d"}},
		"q=test_f":                           {nil, []string{"test_f"}},
		"path=none":                          {nil, nil},
		"path=..%2f..%2fetc":                 {nil, nil},
		"branch=none":                        {nil, nil},
		"env=none":                           {nil, nil},
		"env=Linux-x86_64+8x+CPU+32G+py3.11": {[]string{"d.py", "tests"}, nil},
	} {
		var page testList
		s.data("/p/shop/tests?"+query, &page)
		assert.Equal(t, want.folders, page.folders(), query)
		assert.Equal(t, want.tests, page.names(), query)
	}
	var page testList
	s.data("/p/shop/tests?path=tests/shop&sort=ratio", &page)
	require.Equal(t, []string{"tests/shop/a.py", "tests/shop/b.py", "tests/shop/deep"}, page.folders())
	a := page.Folders[0]
	assert.True(t, a.File)
	assert.False(t, page.Folders[2].File)
	assert.Equal(t, 2, a.Tests)
	assert.Equal(t, 6.0, a.Wall)
	assert.Equal(t, 2.0, *a.Ratio)
	assert.Equal(t, "regression", a.Status)
	s.data("/p/shop/tests?path=tests/shop/deep", &page)
	assert.Equal(t, []string{"tests/shop/deep/er/c.py"}, page.folders(), "a folder alone says nothing")
	s.refuses("/p/shop/tests", map[string]string{"sort": "size", "dir": "up", "view": "grid", "offset": "-1", "format": "xml"})
	s.sound("/p/shop/tests?path=tests/shop")
	s.sound("/p/shop/tests?view=flat")
}

func TestTestsHaveTheirHistory(t *testing.T) {
	t.Parallel()
	s := suite(t)
	s.add(order{n: 3, run: "again", failed: []string{"d.py::test_f"}})
	var page testList
	s.data("/p/shop/tests?q=test_b", &page)
	require.Len(t, page.Tests, 1)
	assert.Equal(t, commitOf(3), page.Tests[0].From, "of the kept report")
	assert.Equal(t, "regression", page.Tests[0].Status)
	s.data("/p/shop/tests?q=test_f", &page)
	assert.Equal(t, []int{0, 1}, []int{page.Tests[0].Passed, page.Tests[0].Ended})
	html := s.html("/p/shop/tests?q=test_b")
	assert.Contains(t, html, `class="spark s-regression"`)
	assert.Contains(t, html, "since <code>")

	s.add(order{n: 6, tests: map[string]float64{"x.py::test_x": 1}, open: true, received: s.now})
	s.data("/p/shop/tests", &page)
	assert.Equal(t, "run-4", page.Run.Run, "the last one is under way")
	s.add(order{n: 5, tests: map[string]float64{"d.py::test_f": 1}})
	s.data("/p/shop/tests", &page)
	assert.Equal(t, "run-4", page.Run.Run, "the last one has few of the tests")
	s.add(order{n: 5, run: "on topic", branch: "topic", retried: []string{"d.py::test_f"}})
	s.data("/p/shop/tests?q=test_f&branch=topic", &page)
	assert.Equal(t, []int{0, 1}, []int{page.Tests[0].Passed, page.Tests[0].Ended}, "not at the first attempt")
	assert.Equal(t, "flaky", page.Tests[0].Status)
	rows, err := csv.NewReader(s.get("/p/shop/tests?format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, "path", rows[0][0])
	rows, err = csv.NewReader(s.get("/p/shop/tests?view=flat&format=csv").Body).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+6)
}

func TestTestsTurnPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := map[string]float64{}
	for i := range 120 {
		tests[fmt.Sprintf("tests/a.py::test_%03d", i)] = float64(i)
	}
	s.add(order{tests: tests})
	var page testList
	for offset, want := range map[int]string{0: "test_119", 50: "test_069", 100: "test_019"} {
		s.data(fmt.Sprintf("/p/shop/tests?path=tests/a.py&offset=%d", offset), &page)
		assert.Equal(t, 120, page.Found)
		assert.Equal(t, want, page.Tests[0].Name)
	}
	s.sound("/p/shop/tests?view=flat&offset=50")
}

func TestHostileTestsAreText(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := map[string]float64{}
	for i, name := range hostile {
		tests[name] = float64(i + 1)
	}
	s.add(order{n: 1, run: `<i>"&?/..`, branch: "<script>alert(1)</script>", tests: tests})
	for _, path := range []string{"/p/shop/tests?view=flat", "/p/shop/tests", "/p/shop/tests?path=" + url.QueryEscape(`tests/?&#%2f`), "/p/shop/runs"} {
		html := s.html(path)
		for _, part := range []string{"<b onclick", "\u202e", "<script>alert", "two\nlines", "\xed\xb2\x80"} {
			assert.NotContains(t, html, part, path)
		}
		s.sound(path)
	}
	var page testList
	s.data("/p/shop/tests?path="+url.QueryEscape(`tests/?&#%2f/"'.py`), &page)
	assert.Equal(t, []string{"test"}, page.names())
}

// TestAFolderShowsWhatMattersMost holds that a failed test is what a folder shows, whatever other tests of it are.
func TestAFolderShowsWhatMattersMost(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const a, b, c, d, e = "tests/a.py::a", "tests/a.py::b", "tests/a.py::c", "tests/b.py::d", "tests/a.py::e"
	tests := map[string]float64{a: 1, b: 1, c: 1, d: 1, e: 1}
	s.add(order{n: 0, tests: tests})
	s.add(order{n: 1, tests: tests, failed: []string{"tests/a.py::z"}})
	s.judge(1, result(a, monitor.StatusAccepted, 1, 2, 0, 1), result(b, monitor.StatusRegression, 1, 2, 0, 1), result(c, monitor.StatusImprovement, 2, 1, 0, 1),
		result(d, monitor.StatusLearning, 1, 1, 0, 1), result(e, monitor.StatusLearning, 1, 1, 0, 1))
	var page testList
	s.data("/p/shop/tests?path=tests", &page)
	require.Equal(t, []string{"tests/a.py", "tests/b.py"}, page.folders())
	assert.Equal(t, "failed", page.Folders[0].Status)
	var last int
	html := s.html("/p/shop/tests?path=tests")
	for _, status := range []string{"failed", "regression", "improvement", "accepted"} {
		at := strings.Index(html, `<span class="sr"> `+status+`</span>`)
		assert.Greater(t, at, last, "%s comes after what matters more", status)
		last = at
	}
}
