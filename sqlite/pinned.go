package sqlite

import (
	"context"
	"strings"

	"pymon-bridge/monitor"
)

var (
	originColumns = strings.Join((*monitor.Origin).Names(nil), ", ")
	insertOrigin  = insertInto("pinned_origins", "seq, "+originColumns) + " ON CONFLICT (seq) DO NOTHING"
)

// PinOrigins implements [monitor.Journal].
func (db *DB) PinOrigins(ctx context.Context, origins map[uint64]monitor.Origin) error {
	if err := db.requireOwner(); err != nil || len(origins) == 0 {
		return err
	}
	return db.write(ctx, func(w *writer) error {
		for seq, o := range origins {
			if err := w.pin(seq, &o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) pin(seq uint64, o *monitor.Origin) error {
	args := []any{seq}
	for _, text := range o.Texts() {
		args = append(args, *text)
	}
	_, err := w.exec(insertOrigin, args...)
	return err
}

func readOrigins(ctx context.Context, q querier, s selection) (map[uint64]*monitor.Origin, error) {
	origins := make(map[uint64]*monitor.Origin)
	err := each(ctx, q, "SELECT seq, "+originColumns+" FROM pinned_origins WHERE "+s.where, s.args, func(row scanner) error {
		var seq uint64
		o := new(monitor.Origin)
		into := []any{&seq}
		for _, text := range o.Texts() {
			into = append(into, text)
		}
		err := row.Scan(into...)
		origins[seq] = o
		return err
	})
	return origins, err
}
