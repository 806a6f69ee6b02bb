package journal

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoffIsARandomPartOfADoublingTime(t *testing.T) {
	const least, most = 500 * time.Millisecond, time.Minute
	tests := []struct {
		tries  int
		random float64
		want   time.Duration
	}{
		{0, 1, least},
		{0, 0, 0},
		{1, 1, time.Second},
		{1, 0.5, 500 * time.Millisecond},
		{6, 1, 32 * time.Second},
		{7, 1, most},
		{1_000_000, 1, most},
		{1_000_000, 0.25, 15 * time.Second},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, backoff(tt.tries, least, most, tt.random), "%d tries, %v", tt.tries, tt.random)
	}
	assert.Equal(t, time.Duration(1<<62), backoff(40, 1<<61, 1<<62, 1), "no overflow")
}
