package sqlite

import (
	"context"
	"math"

	"pymon-bridge/monitor"
)

// unpacked is about how many times larger a report is in memory than in the file.
const unpacked = 20

// NextReports implements [monitor.ReportQueue]. It returns fewer reports when they are large.
func (db *DB) NextReports(ctx context.Context, dest monitor.Destination, max int) (pending []monitor.PendingReport, err error) {
	var acked int64
	if _, err := db.row(ctx, "SELECT reports FROM destinations WHERE name = ?", []any{string(dest)}, &acked); err != nil {
		return nil, err
	}
	return db.reportsBetween(ctx, acked, math.MaxInt64, max)
}

// reportsBetween returns reports with versions above after and up to upTo.
func (db *DB) reportsBetween(ctx context.Context, after, upTo int64, max int) (pending []monitor.PendingReport, err error) {
	err = db.read(ctx, func(q querier) error {
		pending = nil
		left := budget(maxRead)
		err := each(ctx, q, "SELECT version, content FROM reports WHERE version > ? AND version <= ? ORDER BY version",
			[]any{after, upTo}, func(row scanner) error {
				var version int64
				var stored []byte
				if err := row.Scan(&version, &stored); err != nil {
					return err
				}
				r, err := decodeReport(stored)
				if err != nil { // the reports behind it must not wait for it
					db.logger.Error("a report cannot be read and is not delivered", "version", version, "error", err)
					return nil
				}
				if pending = append(pending, monitor.PendingReport{Report: r, Version: version}); len(pending) == max {
					return errEnough
				}
				return left.spend(unpacked * len(stored))
			})
		if err == errEnough {
			return nil
		}
		return err
	})
	return pending, err
}

// AckReport implements [monitor.ReportQueue].
func (db *DB) AckReport(ctx context.Context, dest monitor.Destination, p monitor.PendingReport) error {
	if err := db.requireOwner(); err != nil {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		id, err := w.moveCursor(dest, 0)
		if err == nil {
			_, err = w.exec("UPDATE destinations SET reports = max(reports, ?) WHERE id = ?", p.Version, id)
		}
		return err
	})
}
