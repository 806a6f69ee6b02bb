package web

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestAStatusThatNoTestHas checks that nothing is sorted and searched for it.
func TestAStatusThatNoTestHas(t *testing.T) {
	s := &snapshot{tests: []test{{Status: "ok", find: "a"}, {Status: "flaky", find: "b"}}, counts: map[string]int{"ok": 1, "flaky": 1}, orders: map[string][]int32{}}
	page, found := s.pick(selection{status: "failed", by: "name", n: 9})
	assert.Empty(t, page)
	assert.Zero(t, found)
	assert.Empty(t, s.orders)
	page, found = s.pick(selection{status: "flaky", by: "name", n: 9})
	assert.Len(t, page, 1)
	assert.Equal(t, 1, found)
}
