package httpd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestATokenEndsNoLoginOfAnother(t *testing.T) {
	t.Parallel()
	var l logins
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	greedy, modest := [32]byte{1}, [32]byte{2}
	lives := func(id string) bool {
		_, ok := l.find(id, now)
		return ok
	}
	first := l.add(modest, now)
	var ids []string
	for range maxLogins + 5 {
		now = now.Add(time.Millisecond)
		ids = append(ids, l.add(greedy, now))
	}
	assert.True(t, lives(first), "the oldest login of all")
	assert.False(t, lives(ids[5]), "the token's own oldest logins ended")
	assert.True(t, lives(ids[6]))
	second := l.add(modest, now)
	assert.False(t, lives(ids[6]), "the token with the most logins makes room")
	assert.True(t, lives(first) && lives(second))
	assert.Len(t, l.byID, maxLogins)
}
