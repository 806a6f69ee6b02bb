package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// Who knows a test by its module and its name only, as dashboards do, comes to its page. Dashboards have the texts of tags.
func TestATestIsFoundByItsName(t *testing.T) {
	t.Parallel()
	test := func(component, path, item, variant, kind string) monitor.Series {
		return monitor.Series{Project: "shop", Component: component, ItemPath: path, Item: item, ItemVariant: variant, Kind: kind}
	}
	odd := test("", "a%b", "test_b", "test_b[100%, \\]", "function")
	s := newSite(&fakeStore{projects: []string{"shop"}, siblings: []monitor.Series{
		test("cart", "tests.a", "test_a", "test_a[1]", "function"), test("", "", "test_top", "test_top", "function"), odd,
		test("", "tests.m", "tests.m", "", "module")}})
	for asked, want := range map[string]string{
		"path=tests.a&name=test_a[1]&env=m":                           "component=cart&env=m&name=test_a%5B1%5D&path=tests.a",
		"path=(none)&name=test_top&env=(none)":                        "name=test_top&path=",
		"path=a%2525b&name=" + url.QueryEscape("test_b[100%25, %5C]"): "name=test_b%5B100%25%2C+%5C%5D&path=a%25b",
		"path=tests.m&name=tests.m":                                   "item=tests.m&kind=module&name=&path=tests.m",
	} {
		w := s.get("/p/shop/test?" + asked)
		assert.Equal(t, http.StatusSeeOther, w.Code, asked)
		assert.Equal(t, "/p/shop/test?"+want, w.Header().Get("Location"))
	}
	for _, none := range []string{"path=tests.a&name=test_a", "path=tests&name=test_a[1]", "path=tests.a&name=test_a[1]&component=shop", "path=%25&name=%25zz"} {
		assert.Equal(t, http.StatusNotFound, s.get("/p/shop/test?"+none).Code, none)
	}
}
