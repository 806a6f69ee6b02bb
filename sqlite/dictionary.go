package sqlite

import (
	"strings"

	"pymon-bridge/monitor"
)

// hashEntry is what acceptance needs to know about the hash of a context or a session.
type hashEntry struct {
	id       int64 // 0 for a hash that is not in the file
	session  bool  // the file has a session with this hash
	clock    monitor.Clock
	stated   bool // the session stated its offset
	unsteady bool // a metric of the session may stand elsewhere than its clock says
}

// hash looks up a hash of a project.
func (w *writer) hash(project, h string) (hashEntry, error) {
	key := digestOf(project, h)
	if v, ok := w.hashes.get(key); ok {
		return v, nil
	}
	var v hashEntry
	var date *string
	var start monitor.Instant
	found, err := w.row(`SELECT h.id, s.run_date, coalesce(s.utc_ns, 0), coalesce(s.utc_offset, 0),
			coalesce(s.states_offset, 0), coalesce(s.unsteady, 0)
		FROM hashes h LEFT JOIN sessions s ON s.hash = h.id WHERE h.h = ? AND h.project = ?`, []any{h, project},
		&v.id, &date, &start.UTC, &start.Offset, &v.stated, &v.unsteady)
	if err != nil || !found {
		return hashEntry{}, err
	}
	if date != nil {
		v.session, v.clock = true, clockOf(*date, start)
	}
	w.hashes.put(key, v)
	return v, nil
}

// clockOf returns the clock of a session from its date as sent and its start. A session from elsewhere may have a date
// that cannot be read.
func clockOf(date string, start monitor.Instant) monitor.Clock {
	sent, err := monitor.ParseTime(date)
	if err != nil {
		return monitor.Clock{Start: start}
	}
	return monitor.ClockOf(sent, start)
}

// addHash makes sure that a hash has an ID.
func (w *writer) addHash(project, h string, v *hashEntry) error {
	if v.id != 0 {
		return nil
	}
	// The hash may have got its ID a moment ago, when a metric has the same text as session and as context.
	again, err := w.hash(project, h)
	if err != nil {
		return err
	}
	if again.id != 0 {
		*v = again
		return nil
	}
	if v.id, err = w.insert("INSERT INTO hashes (h, project) VALUES (?, ?)", h, project); err != nil {
		return err
	}
	w.hashes.put(digestOf(project, h), *v)
	return nil
}

// textID returns the ID of a row of a dictionary. When there is no such row, textID adds it if add is set, and else
// returns 0.
func (w *writer) textID(ids *cache[int64], table, columns string, add bool, texts ...string) (id int64, err error) {
	key := digestOf(texts...)
	if id, ok := ids.get(key); ok {
		return id, nil
	}
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	found, err := w.row("SELECT id FROM "+table+" WHERE ("+columns+") = (?"+strings.Repeat(", ?", len(texts)-1)+")", values, &id)
	if err == nil && !found && add {
		id, err = w.insert(insertInto(table, columns), values...)
	}
	if err == nil && id != 0 {
		ids.put(key, id)
	}
	return id, err
}

// lastOffset returns the offset of the clock of the project's session that arrived last and was not imported, nil when the
// project has none. Sessions that were read from a destination may be stored later than those that arrived after them.
func (w *writer) lastOffset(project string) (offset *int32, err error) {
	_, err = w.row(`SELECT utc_offset FROM sessions INDEXED BY sessions_live WHERE project = ? AND imported = 0
		ORDER BY received DESC, seq DESC LIMIT 1`, []any{project}, &offset)
	return offset, err
}

// insert adds a row and returns its ID.
func (w *writer) insert(query string, args ...any) (int64, error) {
	result, err := w.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
