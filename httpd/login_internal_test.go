package httpd

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestATokenEndsNoLoginOfAnother(t *testing.T) {
	t.Parallel()
	l := logins{maxAge: loginMaxAge}
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

// A code is worth a login once, and for a minute, also where several ask at the same time.
func TestACodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	l := logins{maxAge: codeMaxAge}
	now := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	code := l.add([32]byte{1}, now)
	for key := range l.byID {
		assert.NotContains(t, string(key[:]), code, "the code itself is kept nowhere")
	}
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if token, ok := l.take(code, now.Add(time.Minute-1)); ok && token == [32]byte{1} {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, taken.Load())
	late := l.add([32]byte{1}, now)
	_, ok := l.take(late, now.Add(time.Minute))
	assert.False(t, ok)
	_, ok = l.take(late, now)
	assert.False(t, ok, "a late attempt uses it up too")
}
