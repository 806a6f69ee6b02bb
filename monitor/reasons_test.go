package monitor_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// Equal refusals count together, with the words of the first one as they are.
func TestReasonsCountEqualRefusals(t *testing.T) {
	for _, same := range [][]string{
		{"outside retention of 24h", "outside retention of 12h30m0s", "outside retention of 90m"},
		{"the time 2026-11-29T17:00:00Z is too early", "the time 2026-11-29T17:00:00.123Z is too early"},
		{"dropped=1, largest 12.5", "dropped=300, largest 7"},
		{"id 550e8400-e29b-41d4-a716-446655440000", "id 00000000-aaaa-bbbb-cccc-dddddddddddd"},
		{"bucket 0a1b2c3d4e5f6071", "bucket ffffffffffffffff"},
	} {
		var r monitor.Reasons
		for _, words := range same {
			r = r.Plus(words, 2)
		}
		assert.Equal(t, monitor.Reasons{same[0]: int64(2 * len(same))}, r)
	}
	one := monitor.Reasons{"too old": 1}
	two := one.Plus("too large", 1)
	assert.Equal(t, monitor.Reasons{"too old": 1, "too large": 1}, two)
	assert.Len(t, one, 1, "it is not changed")
	for n := range 50 {
		two = two.Plus(string(rune('a'+n)), 1)
	}
	assert.EqualValues(t, 44, two["other words"], fmt.Sprint(two))
}
