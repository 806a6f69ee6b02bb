package journal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoffIsARandomPartOfADoublingTime(t *testing.T) {
	for tries, most := range map[int]time.Duration{
		0:         500 * time.Millisecond,
		1:         time.Second,
		6:         32 * time.Second,
		7:         time.Minute,
		1_000_000: time.Minute,
	} {
		least, greatest := most, time.Duration(0)
		for range 1000 {
			wait := backoff(tries)
			least, greatest = min(least, wait), max(greatest, wait)
		}
		assert.GreaterOrEqual(t, least, time.Duration(0), tries)
		assert.Less(t, least, most/4, tries)
		assert.Greater(t, greatest, most*3/4, tries)
		assert.LessOrEqual(t, greatest, most, tries)
	}
}
