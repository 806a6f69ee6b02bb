package sqlite

import (
	"context"
	"errors"

	lib "modernc.org/sqlite/lib"

	"pymon-bridge/monitor"
)

// AddToken implements [monitor.TokenStore]. A token without a time of creation gets the time now. AddToken fails with
// EInvalid when a token has the same hash.
func (db *DB) AddToken(ctx context.Context, t monitor.Token) (int64, error) {
	if t.Created.IsZero() {
		t.Created = db.Now()
	}
	var id int64
	err := db.write(ctx, func(w *writer) (err error) {
		id, err = w.insert("INSERT INTO tokens (project, label, created, hash) VALUES (?, ?, ?, ?)",
			t.Project, t.Label, nanoseconds(t.Created), t.Hash[:])
		if sqliteCode(err) == lib.SQLITE_CONSTRAINT {
			return &monitor.Error{Code: monitor.EInvalid, Message: "a token with this hash exists already", Err: err}
		}
		return err
	})
	return id, err
}

// RevokeToken implements [monitor.TokenStore].
func (db *DB) RevokeToken(ctx context.Context, id int64) error {
	return db.write(ctx, func(w *writer) error {
		result, err := w.exec("DELETE FROM tokens WHERE id = ?", id)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return monitor.Errorf(monitor.ENotFound, "there is no token %d", id)
	})
}

// Tokens implements [monitor.TokenStore].
func (db *DB) Tokens(ctx context.Context) ([]monitor.Token, error) {
	var tokens []monitor.Token
	err := db.read(ctx, func(q querier) error {
		return each(ctx, q, "SELECT id, project, label, created, hash FROM tokens ORDER BY id", nil, func(row scanner) error {
			var t monitor.Token
			var hash []byte
			if err := row.Scan(&t.ID, &t.Project, &t.Label, instant{&t.Created}, &hash); err != nil {
				return err
			}
			if copy(t.Hash[:], hash) != len(t.Hash) {
				return errors.New("the hash of a token has a wrong length")
			}
			tokens = append(tokens, t)
			return nil
		})
	})
	return tokens, err
}

// HadTokens implements [monitor.TokenStore]. The table counts its IDs, and a revoked token does not lower the count.
func (db *DB) HadTokens(ctx context.Context) (had bool, err error) {
	err = db.read(ctx, func(q querier) error {
		return q.QueryRowContext(ctx, "SELECT EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'tokens' AND seq > 0)").Scan(&had)
	})
	return had, err
}
