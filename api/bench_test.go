package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkAnswer measures the cost of an answer without the store: a page of 500 metrics, and a stream of 10,000 rows.
func BenchmarkAnswer(b *testing.B) {
	h := handler(&fakeStore{metrics: many(10_000)})
	for name, target := range map[string]string{"page": "/api/v1/metrics/?page=2", "csv": "/api/v1/metrics/?format=csv",
		"ndjson": "/api/v1/metrics/?format=ndjson"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
				b.SetBytes(w.bytes)
			}
		})
	}
}

// discard records the status of an answer and counts its bytes.
type discard struct {
	header http.Header
	status int
	bytes  int64
}

func (d *discard) Header() http.Header    { return d.header }
func (d *discard) WriteHeader(status int) { d.status = status }
func (d *discard) Write(p []byte) (int, error) {
	if d.status == 0 {
		d.status = http.StatusOK
	}
	d.bytes += int64(len(p))
	return len(p), nil
}
