package web_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestABranchOfATestWithMuchHistory checks that the measurements of a branch are counted without those of other branches, also
// where the test has more than a page reads.
func TestABranchOfATestWithMuchHistory(t *testing.T) {
	t.Parallel()
	store := &fakeStore{projects: []string{"shop"}, runs: 1}
	for n := range 15_000 { // the latest first; the other branch has nearly all of the latest ones
		p := monitor.TestPoint{Run: "run-1", Branch: "topic"}
		p.Env, p.TotalTime, p.Start = "m", 1, began.UnixNano()-int64(n)*1e9
		if n%5000 == 0 {
			p.Branch = "main"
		}
		store.history = append(store.history, p)
	}
	s := newSite(store)
	for branch, want := range map[string]struct {
		all int
		cut bool
	}{"main": {3, false}, "topic": {10_000, true}, "*": {10_000, true}} {
		target := "/p/shop/test?path=m&name=test_one&branch=" + branch
		var page struct {
			All int
			Cut bool
		}
		require.NoError(t, json.Unmarshal(s.get(target+"&format=json").Body.Bytes(), &page), branch)
		assert.Equal(t, want.all, page.All, branch)
		assert.Equal(t, want.cut, page.Cut, branch)
		html := s.get(target).Body.String()
		assert.Equal(t, want.cut, strings.Contains(html, "of 10,000 or more"), branch)
	}
}
