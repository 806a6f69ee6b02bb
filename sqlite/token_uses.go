package sqlite

import (
	"context"
	"maps"
	"sync"
	"time"
)

// usesEvery is the time between two writes of the last uses of tokens.
const usesEvery = time.Minute

// tokenUses has the last use of each token.
type tokenUses struct {
	mu   sync.Mutex
	last map[int64]time.Time // by ID; without those that the file has
}

// TokenUsed notes that a request has the token. It neither waits nor fails. The file gets the time of the last use within
// a minute, and when the DB is closed.
func (db *DB) TokenUsed(id int64) {
	db.uses.mu.Lock()
	defer db.uses.mu.Unlock()
	if db.uses.last == nil {
		db.uses.last = make(map[int64]time.Time)
	}
	db.uses.last[id] = db.Now()
}

func (db *DB) storeUsesOften() {
	tick := time.NewTicker(usesEvery)
	defer tick.Stop()
	for {
		select {
		case <-db.ctx.Done():
			return
		case <-tick.C:
			db.storeUses()
		}
	}
}

// storeUses writes the uses that the file does not have. After an error the next call tries again.
func (db *DB) storeUses() {
	db.uses.mu.Lock()
	recent := db.uses.last
	db.uses.last = nil
	db.uses.mu.Unlock()
	if len(recent) == 0 {
		return
	}
	err := db.write(context.Background(), func(w *writer) error {
		for id, at := range recent {
			if _, err := w.exec("UPDATE tokens SET used = ? WHERE id = ?", nanoseconds(at), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	db.logger.Warn("the last use of tokens is not stored yet", "error", err)
	db.uses.mu.Lock()
	defer db.uses.mu.Unlock()
	maps.Copy(recent, db.uses.last)
	db.uses.last = recent
}
