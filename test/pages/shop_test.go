package pages_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestPages looks at the pages of a project after real runs.
func TestPages(t *testing.T) {
	w := prepare(t)
	t.Run("look", func(t *testing.T) { w.look(t) })
}

// pages are the pages with an address of their own.
func (w *world) pages() map[string]string {
	return map[string]string{
		"overview": "/p/shop/", "run": "/p/shop/runs/" + w.last,
		"test":   "/p/shop/test?path=test_payment&name=test_pay_by_card%5Bvisa%5D",
		"find":   "/p/shop/find?q=pay", "start": "/p/none/",
	}
}

// look checks that each page is sound, however wide the window is, light and dark.
func (w *world) look(t *testing.T) {
	for _, size := range []struct {
		name  string
		width int64
	}{{"wide", 1280}, {"phone", 390}} {
		for _, scheme := range []string{"light", "dark"} {
			p := newTab(t, size.width, scheme)
			for name, path := range w.pages() {
				what := name + "-" + size.name + "-" + scheme
				p.open(w.URL + path)
				assert.NotEmpty(t, p.text("h1"), what)
				p.accessible(what)
				p.fits(what)
				p.picture(what, true)
			}
		}
	}
}
