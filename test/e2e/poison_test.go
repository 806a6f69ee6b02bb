package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

const (
	retention = 30 * 24 * time.Hour
	// InfluxDB's own words.
	conflictWords  = `input field "total_time" on measurement "test_metrics" is type float, already exists as type string`
	retentionWords = `dropped 1 points outside retention policy of duration 720h0m0s`
)

// One delivery has 5,000 good measurements and 4 that InfluxDB refuses. A dead letter has InfluxDB's words. It has the
// name of the limit instead when the token lets the bridge read the limit.
func TestOnlyRefusedRecordsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		token     func(influx *harness.Influx, bucket, meta string) string
		retention harness.DeadLetter
	}{
		{"a token that may do everything", func(i *harness.Influx, _, _ string) string { return i.Token },
			harness.DeadLetter{Status: 0, Reason: "outside retention: its time "}},
		{"a token that may only write", func(i *harness.Influx, bucket, meta string) string {
			return i.NewToken(i.OnBucket("write", bucket), i.OnBucket("write", meta))
		}, harness.DeadLetter{Status: http.StatusUnprocessableEntity, Reason: retentionWords}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			influx := harness.SharedInflux(t)
			bucket, meta := influx.NewBucket("pytest", retention), influx.NewBucket("meta", 0)
			now := time.Now()
			conflict, outside := now.Add(-10*24*time.Hour).Truncate(24*time.Hour).Add(12*time.Hour), now.Add(-retention-24*time.Hour)
			// From now on the shard of that day takes only texts in this field. Other days have other shards.
			influx.Write(bucket, fmt.Sprintf(`test_metrics total_time="a text" %d`, conflict.UnixNano()))

			process := newMachine()
			good := process.metrics("test_cart[good]", now, 5000)
			bad := []harness.PymonMetric{
				process.metric("test_cart[conflict 1]", conflict), process.metric("test_cart[outside 1]", outside),
				process.metric("test_cart[conflict 2]", conflict.Add(time.Second)),
				process.metric("test_cart[outside 2]", outside.Add(time.Second)),
			}
			all := slices.Clone(good)
			for n, m := range bad {
				all = slices.Insert(all, 1000*(n+1), m)
			}
			bridge := deliverAtOnce(t, influx, process, all, harness.BridgeConfig{Bucket: bucket, MetaBucket: meta,
				Token: tt.token(influx, bucket, meta)})

			letters := harness.DeadLetters(t, bridge.Data)
			require.Len(t, letters, len(bad))
			for n, letter := range byName(letters) {
				assert.Equal(t, "metric", letter.Class)
				want := harness.DeadLetter{Status: http.StatusUnprocessableEntity, Reason: conflictWords}
				if n >= 2 {
					want = tt.retention
				}
				assert.Equal(t, want.Status, letter.Status, letter.Reason)
				assert.Contains(t, letter.Reason, want.Reason)
			}
			sum, _ := bridge.Metrics().Sum("pymon_bridge_journal_dead_letters") // also dead letters from before the restart
			assert.EqualValues(t, len(bad), sum)
			var kept []point
			for _, row := range influx.PointsBetween(bucket, "test_metrics", now.Add(-time.Hour), now.Add(time.Hour)) {
				kept = append(kept, point{t, row})
			}
			assert.Equal(t, once(good), count(kept))
			others := influx.PointsBetween(bucket, "test_metrics", outside.Add(-time.Hour), now.Add(-time.Hour))
			require.Len(t, others, 1)
			assert.Equal(t, "a text", others[0]["total_time"])
		})
	}
}

// byName sorts dead letters by the names of their tests.
func byName(letters []harness.DeadLetter) []harness.DeadLetter {
	slices.SortFunc(letters, func(a, b harness.DeadLetter) int { return strings.Compare(a.Name, b.Name) })
	return letters
}

// deliverAtOnce posts metrics while InfluxDB asks to wait, so that one delivery has them all. It returns after the delivery.
// cfg names the buckets.
func deliverAtOnce(t *testing.T, influx *harness.Influx, process machine, metrics []harness.PymonMetric,
	cfg harness.BridgeConfig) *harness.Bridge {
	t.Helper()
	proxy := harness.StartProxy(t, influx)
	proxy.OnWrite(func(*harness.Write) harness.Answer { return harness.Answer{Status: http.StatusServiceUnavailable} })
	cfg.Influx, cfg.Args = proxy.Influx(), append(cfg.Args, "--client-timezone", "UTC")
	bridge := harness.StartBridge(t, cfg)
	posts := newBulkPoster(bridge.URL)
	process.enrol(t, posts)
	posts.mustPostAll(t, metrics)
	proxy.OnWrite(nil)
	bridge.Restart() // otherwise delivery would wait for some seconds
	bridge.WaitDelivered()
	return bridge
}

// The test posts texts that do not fit into InfluxDB, and texts that just fit. Long texts in tags are cut, and fields have
// the whole texts. A field that is too long makes its record a dead letter, and no other record.
func TestTextsAboveTheLimitsAreCutOrBuried(t *testing.T) {
	t.Parallel()
	influx := harness.SharedInflux(t)
	bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{Args: []string{"--client-timezone", "UTC"}})
	posts, process, wordy := newPoster(bridge.URL), newMachine(), newMachine()
	process.enrol(t, posts)
	posts.mustPost(t, "/contexts/", wordy.contextJSON())
	posts.mustPost(t, "/sessions/", strings.Replace(wordy.sessionJSON(), `"main"`, `"main", "note": "`+
		strings.Repeat("n", 1<<20)+`"`, 1))

	now := time.Now()
	plain, ofWordy := process.metric("test_cart[plain]", now), wordy.metric("test_cart[of a long session]", now)
	long := process.metric("test_cart[long]"+strings.Repeat(", =", 10_000), now)
	long.Item, long.ItemPath = strings.Repeat("= ,", 10_000), strings.Repeat(",", 30_000)
	long.Component, long.Kind = strings.Repeat(" ", 30_000), strings.Repeat("=", 30_000) // 300 KB when escaped
	fits, tooLong := process.metric("test_cart[fits]", now), process.metric("test_cart[too long]", now)
	fits.ItemFSLoc, tooLong.ItemFSLoc = strings.Repeat("f", 1<<20), strings.Repeat("f", 1<<20+1)
	encoded := process.metric("test_cart[too long when encoded]", now)
	encoded.ItemFSLoc = strings.Repeat("%", 350_000)
	posts.mustPostAll(t, []harness.PymonMetric{plain, long, fits, tooLong, encoded, ofWordy})
	bridge.WaitDelivered()

	assert.Equal(t, once([]harness.PymonMetric{plain, long, fits, ofWordy}), count(points(t, influx, bucket)))
	assert.Len(t, influx.Points(meta, "sessions"), 1)
	letters := map[string]string{}
	for _, letter := range harness.DeadLetters(t, bridge.Data) {
		assert.Zero(t, letter.Status, "the record was not sent")
		letters[letter.Class+" "+letter.Name] = letter.Reason
	}
	assert.Equal(t, map[string]string{
		"metric test_cart[too long]": "string too long: item_fs_loc has 1048577 bytes when encoded, InfluxDB takes 1048576",
		"metric test_cart[too long when encoded]": "string too long: item_fs_loc has 1050000 bytes when encoded, InfluxDB " +
			"takes 1048576",
		"session " + wordy.session: fmt.Sprintf("string too long: description has %d bytes when encoded, InfluxDB takes "+
			"1048576", 1<<20+len(`{"branch": "main", "note": ""}`)),
	}, letters)
}
