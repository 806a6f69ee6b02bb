package harness_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

func TestProxyKeepsLinesAndChangesAnswers(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket := influx.NewBucket("pytest", 0)
	proxy := harness.StartProxy(t, influx)
	behind := proxy.Influx()

	behind.Write(bucket, "m,a=b f=1 1\nmm f=1 1\n")
	proxy.OnWrite(func(w *harness.Write) harness.Answer {
		assert.Equal(t, bucket, w.Bucket)
		assert.True(t, w.Has("m"))
		assert.False(t, w.Has("mm"))
		return harness.Answer{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"7"}}, Body: "busy"}
	})
	status, answer := behind.TryWrite(bucket, "m,a=b f=2 2")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "busy", answer)
	proxy.OnWrite(nil)
	behind.Write(bucket, "m,a=b f=3 3")

	assert.Equal(t, []string{"m,a=b f=1 1", "m,a=b f=2 2", "m,a=b f=3 3"}, proxy.Lines("m"))
	assert.Equal(t, []string{"mm f=1 1"}, proxy.Lines("mm"))
	assert.Len(t, influx.Points(bucket, "m"), 2)
}
