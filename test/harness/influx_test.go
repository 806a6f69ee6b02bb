package harness_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestInfluxReturnsExactValues(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket := influx.NewBucket("pytest", 0)
	influx.Write(bucket, `m,tag=a\,\ b f=5e-324,g=0.1,s="q\"1\",
second,line",n=7i,u=8u,ok=true 1`+"\n"+`m,tag=c s="a\,%0D",f=1.7976931348623157e308 1`)

	points := influx.Points(bucket, "m")
	require.Len(t, points, 2)
	assert.Equal(t, harness.Row{"_measurement": "m", "_time": time.Unix(0, 1).UTC(), "tag": "a, b",
		"f": math.SmallestNonzeroFloat64, "g": 0.1, "s": "q\"1\",\nsecond,line", "n": int64(7), "u": uint64(8), "ok": true}, points[0])
	assert.Equal(t, math.MaxFloat64, points[1]["f"])
	assert.Equal(t, `a\,%0D`, points[1]["s"])
}

func TestInfluxSeparatesTests(t *testing.T) {
	t.Parallel()
	one, other := harness.SharedInflux(t), harness.SharedInflux(t)
	bucket := one.NewBucket("pytest", 0)
	one.Write(bucket, "m f=1 1")
	other.AddBucket(bucket, time.Hour)
	assert.Empty(t, other.Points(bucket, "m"))
	assert.Len(t, one.Points(bucket, "m"), 1)
}

func TestInfluxTokensAllowOnlyTheirPermissions(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	open, closed := influx.NewBucket("open", 0), influx.NewBucket("closed", 0)
	influx.Token = influx.NewToken(influx.OnBucket("write", open))

	status, _ := influx.TryWrite(open, "m f=1 1")
	assert.Equal(t, 204, status)
	status, answer := influx.TryWrite(closed, "m f=1 1")
	assert.Equal(t, 403, status, answer)
	influx.RevokeToken(influx.Token)
	status, _ = influx.TryWrite(open, "m f=1 2")
	assert.Equal(t, 401, status)
}

func TestInfluxBucketsAreMadeAndDeleted(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bucket := influx.NewBucket("pytest", 0)
	assert.True(t, influx.HasBucket(bucket))
	influx.DeleteBucket(bucket)
	assert.False(t, influx.HasBucket(bucket))
}

func TestInfluxKeepsItsDataWhenItIsKilled(t *testing.T) {
	t.Parallel()
	influx := harness.StartInflux(t)
	bucket := influx.NewBucket("pytest", 0)
	influx.Write(bucket, "m f=1 1")
	influx.Kill()
	influx.Start()
	influx.Write(bucket, "m f=2 2")
	influx.Stop()
	influx.Start()
	assert.Len(t, influx.Points(bucket, "m"), 2)
}
