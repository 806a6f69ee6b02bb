package sqlite_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// edit returns a file with other bytes: each four bytes of edits say where, and what is there. So inputs are small, and most of the
// file is as SQLite made it.
func edit(file, edits []byte) []byte {
	changed := append([]byte{}, file...)
	for ; len(edits) >= 4; edits = edits[4:] {
		at := binary.BigEndian.Uint32(edits) >> 8
		changed[int(at)%len(changed)] = edits[3]
	}
	return changed
}

// editsAt is what edit takes, for some places in a row.
func editsAt(at uint32, content ...byte) (edits []byte) {
	for i, b := range content {
		edits = binary.BigEndian.AppendUint32(edits, (at+uint32(i))<<8|uint32(b))
	}
	return edits
}

// FuzzSource reads the file of pytest-monitor with other bytes in it. A record that comes out is one that a client could have sent.
func FuzzSource(f *testing.F) {
	file, err := os.ReadFile(generationC)
	require.NoError(f, err)
	f.Add([]byte{})
	f.Add(editsAt(16, 0x02, 0x00))       // size of pages
	f.Add(editsAt(18, 2, 2))             // it has a log
	f.Add(editsAt(56, 0, 0, 0, 3))       // texts in UTF-16
	f.Add(editsAt(4096, 5))              // kind of a page
	f.Add(editsAt(8192, 13, 0, 0, 0xff)) // free block
	f.Add(editsAt(68, 0x70, 0x79))       // application
	dir, log := f.TempDir(), slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, edits []byte) {
		path := filepath.Join(dir, "edited.pymon")
		require.NoError(t, os.WriteFile(path, edit(file, edits), 0o600))
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		s, err := sqlite.OpenSource(ctx, path, log)
		if err != nil {
			require.NoError(t, ctx.Err())
			return
		}
		defer s.Close()
		_ = s.Read(ctx, 100, func(recs []*monitor.Record) error { // a page may be damaged
			for _, rec := range recs {
				switch {
				case rec.Context != nil:
					assert.NoError(t, rec.Context.Validate())
				case rec.Session != nil:
					assert.NoError(t, rec.Session.Validate())
				default:
					assert.NoError(t, rec.Metric.Validate())
				}
			}
			return nil
		}, func(string) {})
		require.NoError(t, ctx.Err(), "it ends")
	})
}

// FuzzRecover recovers the file of a bridge with other bytes in it. What comes out can be served, and has no record twice.
func FuzzRecover(f *testing.F) {
	db, path := newDB(f, utcZones())
	require.NoError(f, db.Open(f.Context()))
	appendAll(f, db, record(machine("c1")), record(process("s1", arrival)), record(measured("s1", "test_a", arrival)),
		record(measured("s1", "test_b", arrival.Add(time.Second))))
	require.NoError(f, db.Close())
	file, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add([]byte{})
	f.Add(editsAt(0, 0, 0, 0))
	f.Add(editsAt(100, 5))
	f.Add(editsAt(103, 0xff, 0xff))
	f.Add(editsAt(4096*9, 13, 0, 0, 0, 9))
	log := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, edits []byte) {
		dir := t.TempDir()
		from, into := filepath.Join(dir, "damaged.db"), filepath.Join(dir, "saved", "pymon.db")
		require.NoError(t, os.WriteFile(from, edit(file, edits), 0o600))
		r, err := sqlite.Recover(t.Context(), from, into, log, quiet)
		if err != nil {
			return
		}
		for _, kind := range r.Kinds {
			if kind.Kind == "metrics" {
				assert.LessOrEqual(t, kind.Saved, int64(2))
			}
		}
		saved := dbAt(into, utcZones())
		require.NoError(t, saved.Open(t.Context()))
		require.NoError(t, saved.Close())
	})
}
