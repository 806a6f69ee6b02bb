package influx_test

import (
	"context"
	"log/slog"
	"path/filepath"
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
		b := mustBridge(tb, harness.SharedInflux(tb))
		b.write(tb, records)
		return b.writer.Store()
	}, 7)
}

func TestStoreWhileWriting(t *testing.T) {
	t.Parallel()
	b := mustBridge(t, harness.SharedInflux(t))
	storetest.RunWhileWriting(t, b.writer.Store(), b.write)
}

// bridge accepts records as a bridge does, and delivers them to buckets of its own.
type bridge struct {
	db     *sqlite.DB
	writer *influx.Writer
	after  uint64
}

func mustBridge(tb testing.TB, server *harness.Influx) *bridge {
	tb.Helper()
	db := sqlite.New(filepath.Join(tb.TempDir(), sqlite.FileName), monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	require.NoError(tb, db.Open(tb.Context()))
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return &bridge{db: db, writer: mustOpen(tb, settings(server))}
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
		c, _ := b.db.Context(ctx, rec.Project, m.ContextH) // nil where there is none
		s, _ := b.db.Session(ctx, rec.Project, m.SessionH)
		p.Origin = monitor.OriginOf(m, c, s)
	}
	return p
}
