package influx_test

import (
	"context"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
	"pymon-bridge/test/harness"
	"pymon-bridge/test/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	// All questions take minutes. Those that are asked differ in kind from one to the next.
	storetest.RunSome(t, func(tb testing.TB, records []*monitor.Record) monitor.Store {
		b := mustBridge(tb, settings(harness.SharedInflux(tb)))
		b.write(tb, records)
		return b.writer.Store()
	}, 7)
}

func TestStoreWhileWriting(t *testing.T) {
	t.Parallel()
	b := mustBridge(t, settings(harness.SharedInflux(t)))
	storetest.RunWhileWriting(t, b.writer.Store(), b.write)
}

// bridge accepts records as a bridge does, and delivers them to buckets of its own.
type bridge struct {
	db     *sqlite.DB
	writer *influx.Writer
	after  uint64
}

func mustBridge(tb testing.TB, cfg influx.Config) *bridge {
	tb.Helper()
	db := sqlite.New(filepath.Join(tb.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	require.NoError(tb, db.Open(tb.Context()))
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return &bridge{db: db, writer: mustOpen(tb, cfg)}
}

// write accepts records and delivers them, metrics with what is known of their context and session.
func (b *bridge) write(tb testing.TB, records []*monitor.Record) {
	tb.Helper()
	if len(records) == 0 {
		return
	}
	ctx := context.Background()
	require.NoError(tb, b.db.Append(ctx, records))
	for {
		pending, err := b.db.Next(ctx, b.writer.Destination(), b.after, 5000)
		require.NoError(tb, err)
		if len(pending) == 0 {
			return
		}
		points := make([]*monitor.Point, len(pending))
		for i, p := range pending {
			points[i] = b.point(ctx, p.Record)
			b.after = p.Seq
		}
		v := b.writer.Deliver(ctx, points)
		require.Equal(tb, monitor.Delivered, v.Outcome, "%+v", v)
	}
}

func (b *bridge) point(ctx context.Context, rec *monitor.Record) *monitor.Point {
	p := &monitor.Point{Record: rec}
	if m := rec.Metric; m != nil {
		c, err := b.db.Context(ctx, rec.Project, m.ContextH)
		if err != nil {
			c, _ = b.db.Context(ctx, "", m.ContextH) // of any project; nil where there is none
		}
		s, _ := b.db.Session(ctx, rec.Project, m.SessionH)
		p.Origin = monitor.OriginOf(m, c, s)
	}
	return p
}

// Samples come by InfluxQL, or by Flux where there is none.
func TestHistory(t *testing.T) {
	t.Parallel()
	for name, answered := range map[string]int{"InfluxQL": http.StatusOK, "Flux": http.StatusNotFound} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			version1 := &routeOfVersion1{}
			storetest.RunHistory(t, func(tb testing.TB, records []*monitor.Record) monitor.HistoryStore {
				version1.missing.Store(answered != http.StatusOK)
				cfg := settings(harness.SharedInflux(tb))
				cfg.Transport = version1
				b := mustBridge(tb, cfg)
				b.write(tb, records)
				return b.writer.Store()
			})
			require.Positive(t, version1.asked.Load())
		})
	}
}

// routeOfVersion1 counts the queries in InfluxQL, which find nobody if it is missing.
type routeOfVersion1 struct {
	missing atomic.Bool
	asked   atomic.Int64
}

func (r *routeOfVersion1) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path == "/query" {
		r.asked.Add(1)
		if r.missing.Load() {
			return &http.Response{StatusCode: http.StatusNotFound, Body: http.NoBody, Request: req}, nil
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}
