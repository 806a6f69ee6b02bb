package influx_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

const benchBatch = 5000

// benchPoints makes batch number n: new points of the same series each time.
func benchPoints(points []*monitor.Point, n int) {
	for i, p := range points {
		p.Metric.At.UTC = start.Add(time.Duration(n*benchBatch+i) * time.Millisecond).UnixNano()
	}
}

// BenchmarkDelivery compares, batch by batch in turns so that both meet the same machine, the Writer with a bare loop
// that posts ready-made gzip batches of the same 5,000 points. It reports points a second of both and their ratio.
func BenchmarkDelivery(b *testing.B) {
	server := harness.SharedInflux(b)
	cfg := settings(server)
	writer := mustOpen(b, cfg)
	require.NoError(b, writer.Ensure(b.Context()))
	bare := server.NewBucket("bare", 0)
	points := metricPoints(benchBatch)
	client := &http.Client{Transport: &http.Transport{}}
	var ours, theirs time.Duration
	n := 0
	for b.Loop() {
		benchPoints(points, n)
		ready := pack(b, points)
		begin := time.Now()
		post(b, client, server, bare, ready)
		theirs += time.Since(begin)

		begin = time.Now()
		require.Equal(b, monitor.Delivered, writer.Prepare(points)(b.Context()).Kind)
		ours += time.Since(begin)
		n++
	}
	rate := func(d time.Duration) float64 { return float64(n*benchBatch) / d.Seconds() }
	b.ReportMetric(rate(ours), "writer-points/s")
	b.ReportMetric(rate(theirs), "bare-points/s")
	b.ReportMetric(100*rate(ours)/rate(theirs), "%-of-bare")
}

// BenchmarkEncode is the cost of one batch before it is sent.
func BenchmarkEncode(b *testing.B) {
	points := metricPoints(benchBatch)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for _, p := range points {
			buf = influx.AppendLine(buf, p)
		}
	}
	b.ReportMetric(float64(len(buf))/benchBatch, "B/point")
}

func pack(tb testing.TB, points []*monitor.Point) []byte {
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	var line []byte
	for _, p := range points {
		line = append(influx.AppendLine(line[:0], p), '\n')
		_, err := zip.Write(line)
		require.NoError(tb, err)
	}
	require.NoError(tb, zip.Close())
	return buf.Bytes()
}

func post(tb testing.TB, client *http.Client, server *harness.Influx, bucket string, body []byte) {
	query := url.Values{"org": {server.Org}, "bucket": {bucket}, "precision": {"ns"}}
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, server.URL+"/api/v2/write?"+query.Encode(), bytes.NewReader(body))
	require.NoError(tb, err)
	req.Header.Set("Authorization", "Token "+server.Token)
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := client.Do(req)
	require.NoError(tb, err)
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(tb, err)
	require.NoError(tb, resp.Body.Close())
	require.Equal(tb, http.StatusNoContent, resp.StatusCode)
}

// BenchmarkWriter is what the Writer itself costs for one batch: InfluxDB takes no time here.
func BenchmarkWriter(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "{}")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	writer := mustOpen(b, influx.Config{URL: server.URL, Token: secret, Org: "o"})
	points := metricPoints(benchBatch)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		require.Equal(b, monitor.Delivered, writer.Prepare(points)(b.Context()).Kind)
		n++
	}
	b.ReportMetric(float64(n*benchBatch)/b.Elapsed().Seconds(), "points/s")
}
