package web

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTimesAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{-1: "0 s", 0: "0 s", 59.4: "59 s", 59.6: "1 min", 61: "1 min 1 s", 3600: "1 h", 3661: "1 h 1 min",
		47 * 3600: "47 h", 48 * 3600: "2 days", 1e8: "1157 days"} {
		assert.Equal(t, want, span(seconds), seconds)
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]string{30 * time.Second: "30 s", 51*time.Minute + 32*time.Second: "51 min",
		5*time.Hour + 59*time.Minute: "5 h", 72 * time.Hour: "3 days"} {
		assert.Equal(t, want, (&runRow{Started: now.Add(-age)}).Ago(now))
	}
	assert.Equal(t, "1,234,567", thousands(1234567))
	assert.Equal(t, "-1,234", thousands(-1234))
	assert.Equal(t, "1 test", count(1, "test"))
}

func TestSparklinesOfOddValues(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	assert.Empty(t, spark(line{}))
	assert.Empty(t, spark(line{Values: []float64{nan}, Usual: nan, Limit: nan}))
	for _, values := range [][]float64{{0}, {1, 1, 1}, {nan, 2, nan, 3, nan}, {-1, -2}, {1e300, -1e300}, {5e-324, 0}} {
		drawn := string(spark(line{Values: values, Usual: nan, Limit: nan, Status: `"><b>`}))
		assert.NotContains(t, drawn, "NaN", values)
		assert.NotContains(t, drawn, "Inf", values)
		assert.NotContains(t, drawn, "<b>")
	}
	steady := string(spark(line{Values: []float64{1, 1.01, 0.99}, Usual: nan, Limit: nan}))
	assert.Contains(t, steady, "L92.5 16.6L184.0 19.4", "a steady series is a calm line")
	fast := string(spark(line{Values: []float64{0.0001, 0.0002, 0.0001}, Usual: 0.0001, Limit: 0.1}))
	assert.Contains(t, fast, `<path d="M1.0 27.3L92.5 22.7L184.0 27.3"`, "the line is not on the axis")
	assert.Contains(t, fast, `<rect class="band" x="0" y="4.0" width="190" height="28.0"/>`, "the usual range ends at three times the greatest value")
	assert.NotContains(t, string(spark(line{Values: []float64{0, 0}, Usual: 0, Limit: 5})), "band")
	assert.Contains(t, string(bar(1, nan, 1, "ok")), `width="100.00"`)
	assert.Empty(t, bar(nan, nan, 1, "ok"))
	assert.Empty(t, bar(1, 1, 0, "ok"))
}
