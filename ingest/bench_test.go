package ingest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// bare returns the minimal Gin server for a POST. It only answers 201.
func bare() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/metrics/", func(c *gin.Context) { c.Status(http.StatusCreated) })
	return e
}

// full returns the real handler with a journal that does nothing.
func full() http.Handler {
	b := newBridge()
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { return nil }
	b.handler.OnAccepted = func(monitor.Class, bool) {}
	return b
}

func BenchmarkPostMetric(b *testing.B) {
	for _, server := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare()}, {"full", full()}} {
		for _, keepAlive := range []bool{false, true} {
			name := server.name + "/" + map[bool]string{false: "new-connections", true: "keep-alive"}[keepAlive]
			b.Run(name, func(b *testing.B) { benchmarkNetwork(b, server.handler, keepAlive) })
		}
		b.Run(server.name+"/no-network", func(b *testing.B) { benchmarkHandler(b, server.handler) })
	}
}

func benchmarkNetwork(b *testing.B, handler http.Handler, keepAlive bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	url := "http://" + listener.Addr().String() + "/metrics/"
	b.SetParallelism(8) // times GOMAXPROCS
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			response, err := client.Post(url, "application/json", strings.NewReader(metricBody))
			if err != nil || response.StatusCode != http.StatusCreated {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	})
}

func benchmarkHandler(b *testing.B, handler http.Handler) {
	body := strings.NewReader(metricBody)
	r := httptest.NewRequest(http.MethodPost, "/metrics/", body)
	r.Header.Set("Content-Type", "application/json")
	w := &statusRecorder{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		body.Reset(metricBody)
		r.Body = io.NopCloser(body)
		handler.ServeHTTP(w, r)
	}
	require.Equal(b, http.StatusCreated, w.status)
}
