package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"

	"pymon-bridge/monitor"
)

// AddToken implements [monitor.TokenStore]. A token without a time of creation gets the time now.
func (db *DB) AddToken(ctx context.Context, t monitor.Token) (int64, error) {
	if t.Created.IsZero() {
		t.Created = db.Now()
	}
	var id int64
	err := db.write(ctx, func(w *writer) (err error) {
		id, err = w.insertToken(t)
		return err
	})
	return id, err
}

func (w *writer) insertToken(t monitor.Token) (int64, error) {
	id, err := w.insert("INSERT INTO tokens (project, label, scopes, created, hash) VALUES (?, ?, ?, ?, ?)",
		t.Project, t.Label, scopes{&t.Scopes}.text(), nanoseconds(t.Created), t.Hash[:])
	if sqliteCode(err) == lib.SQLITE_CONSTRAINT {
		err = &monitor.Error{Code: monitor.EInvalid, Message: "a token with this hash exists already", Err: err}
	}
	return id, err
}

// RotateToken implements [monitor.TokenStore].
func (db *DB) RotateToken(ctx context.Context, id int64, hash [32]byte, expires time.Time) (t monitor.Token, err error) {
	err = db.write(ctx, func(w *writer) error {
		now := db.Now()
		valid, err := tokensAt(ctx, w.conn, now)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(valid, func(t monitor.Token) bool { return t.ID == id })
		if at < 0 {
			return noToken(id)
		}
		if t = valid[at]; !t.Expires.IsZero() {
			return monitor.Errorf(monitor.EInvalid, "token %d has a successor already, and expires at %s", id,
				t.Expires.Format(time.RFC3339))
		}
		t.Hash, t.Created, t.Used = hash, now, time.Time{}
		if t.ID, err = w.insertToken(t); err != nil {
			return err
		}
		if !expires.After(now) {
			_, err = w.exec("DELETE FROM tokens WHERE id = ?", id)
			return err
		}
		_, err = w.exec("UPDATE tokens SET expires = ? WHERE id = ?", nanoseconds(expires), id)
		return err
	})
	return t, err
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
		return noToken(id)
	})
}

func noToken(id int64) error { return monitor.Errorf(monitor.ENotFound, "there is no token %d", id) }

// hadToken is the condition that there is or was a token. The table counts its IDs, and a revoked token does not lower the
// count.
const hadToken = "EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'tokens' AND seq > 0)"

// Tokens implements [monitor.TokenStore].
func (db *DB) Tokens(ctx context.Context) (list monitor.TokenList, err error) {
	err = db.read(ctx, func(q querier) (err error) {
		if list.Valid, err = tokensAt(ctx, q, db.Now()); err != nil {
			return err
		}
		return q.QueryRowContext(ctx, "SELECT "+hadToken).Scan(&list.Had)
	})
	return list, err
}

// tokensAt returns the tokens that are valid at a time.
func tokensAt(ctx context.Context, q querier, now time.Time) (valid []monitor.Token, err error) {
	err = each(ctx, q, "SELECT id, project, label, scopes, created, hash, expires, used FROM tokens ORDER BY id", nil, func(row scanner) error {
		var t monitor.Token
		var hash []byte
		err := row.Scan(&t.ID, &t.Project, &t.Label, scopes{&t.Scopes}, instant{&t.Created}, &hash, instant{&t.Expires},
			instant{&t.Used})
		if err != nil {
			return err
		}
		if copy(t.Hash[:], hash) != len(t.Hash) {
			return errors.New("the hash of a token has a wrong length")
		}
		if t.Expires.IsZero() || t.Expires.After(now) {
			valid = append(valid, t)
		}
		return nil
	})
	return valid, err
}

// scopes is a column of words with spaces between them.
type scopes struct{ into *[]monitor.Scope }

// Scan implements [sql.Scanner].
func (s scopes) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New("expected scopes as a text")
	}
	for word := range strings.FieldsSeq(text) {
		*s.into = append(*s.into, monitor.Scope(word))
	}
	return nil
}

func (s scopes) text() string {
	var words []string
	for _, scope := range *s.into {
		words = append(words, string(scope))
	}
	return strings.Join(words, " ")
}
