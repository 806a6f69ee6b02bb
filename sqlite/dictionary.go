package sqlite

import "pymon-bridge/monitor"

// hashed is what acceptance needs to know of a context's or session's hash.
type hashed struct {
	id      int64 // 0 when the hash was never seen
	session bool  // a session with it is stored
	offset  int32 // of that session's clock
	states  bool  // the session stated it
}

// zone is the offset of the clock of a project's last session.
type zone struct {
	offset int32
	known  bool
}

// hash finds a hash of a project.
func (w *writer) hash(project, h string) (hashed, error) {
	key := digestOf(project, h)
	if v, ok := w.hashes.get(key); ok {
		return v, nil
	}
	var v hashed
	var offset *int32
	found, err := w.row(`SELECT h.id, s.utc_offset, coalesce(s.states_offset, 0) FROM hashes h
		LEFT JOIN sessions s ON s.hash = h.id WHERE h.h = ? AND h.project = ?`, []any{h, project}, &v.id, &offset, &v.states)
	if err != nil || !found {
		return hashed{}, err
	}
	if offset != nil {
		v.session, v.offset = true, *offset
	}
	w.hashes.put(key, v)
	return v, nil
}

// addHash makes sure that a hash has an ID.
func (w *writer) addHash(project, h string, v *hashed) error {
	if v.id != 0 {
		return nil
	}
	// The same hash may have come in between, when a metric has one text as session and context.
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

// location finds or, if add is set, makes the ID of a file's name; 0 when there is none.
func (w *writer) location(name string, add bool) (id int64, err error) {
	key := digestOf(name)
	if id, ok := w.locations.get(key); ok {
		return id, nil
	}
	found, err := w.row("SELECT id FROM locations WHERE item_fs_loc = ?", []any{name}, &id)
	if err == nil && !found && add {
		id, err = w.insert("INSERT INTO locations (item_fs_loc) VALUES (?)", name)
	}
	if err == nil && id != 0 {
		w.locations.put(key, id)
	}
	return id, err
}

// serial finds or, if add is set, makes the ID of a series; 0 when there is none.
func (w *writer) serial(s *monitor.Series, add bool) (id int64, err error) {
	key := digestOf(s.Project, s.ItemPath, s.Item, s.ItemVariant, s.Kind, s.Component)
	if id, ok := w.series.get(key); ok {
		return id, nil
	}
	texts := []any{s.Project, s.ItemPath, s.Item, s.ItemVariant, s.Kind, s.Component}
	found, err := w.row(`SELECT id FROM series
		WHERE project = ? AND item_path = ? AND item = ? AND item_variant = ? AND kind = ? AND component = ?`, texts, &id)
	if err == nil && !found && add {
		id, err = w.insert(`INSERT INTO series (project, item_path, item, item_variant, kind, component)
			VALUES (?, ?, ?, ?, ?, ?)`, texts...)
	}
	if err == nil && id != 0 {
		w.series.put(key, id)
	}
	return id, err
}

// lastOffset returns the offset of the clock of the project's last session, nil when it has none.
func (w *writer) lastOffset(project string) (*int32, error) {
	key := digestOf(project)
	z, ok := w.offsets.get(key)
	if !ok {
		var err error
		z.known, err = w.row("SELECT utc_offset FROM sessions WHERE project = ? ORDER BY seq DESC LIMIT 1",
			[]any{project}, &z.offset)
		if err != nil {
			return nil, err
		}
		w.offsets.put(key, z)
	}
	if !z.known {
		return nil, nil
	}
	return &z.offset, nil
}

// insert adds a row and returns its ID.
func (w *writer) insert(query string, args ...any) (int64, error) {
	result, err := w.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
