package httpd_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBridge()
		for range 200 {
			b.do("POST", "/metrics/"+strings.Repeat("x", 50_000), "{}")
		}
		b.do("POST", "/metrics/", "{}", "Content-Encoding", strings.Repeat("g", 50_000))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		log := b.log.String()
		assert.Equal(t, 21, strings.Count(log, `msg="request refused"`), "20 of one level, and the first of another")
		assert.Equal(t, 1, strings.Count(log, `msg="more requests were refused" count=180`))
		assert.Contains(t, log, "(50009 bytes)")
		assert.Less(t, len(log), 20_000)
		b.do("POST", "/nowhere", "{}")
		assert.Contains(t, b.log.String(), "path=/nowhere", "a new window")
		time.Sleep(5 * time.Second)
	})
}
