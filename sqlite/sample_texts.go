package sqlite

import "pymon-bridge/monitor"

// resolve reads what the rows refer to, where they are the first to do so.
func (s *sampling) resolve(q querier, pinned bool) error {
	series, locations := make(map[int64]*monitor.Series), make(map[int64]string)
	contexts := make(map[int64]*monitor.Context)
	for i := range s.rows {
		r := &s.rows[i]
		if _, ok := s.series[r.series]; !ok {
			series[r.series], s.series[r.series] = nil, nil
		}
		if _, ok := s.locations[r.location]; !ok {
			locations[r.location], s.locations[r.location] = "", ""
		}
		if _, ok := s.contexts[r.context]; !ok {
			contexts[r.context], s.contexts[r.context] = nil, nil
		}
	}
	if err := s.readSeries(q, series); err != nil {
		return err
	}
	if err := s.readLocations(q, locations); err != nil {
		return err
	}
	if err := s.readContexts(q, contexts); err != nil || !pinned {
		return err
	}
	return s.readOrigins(q)
}

// readSeries reads those of the series with the IDs of wanted that are tests.
func (s *sampling) readSeries(q querier, wanted map[int64]*monitor.Series) error {
	if len(wanted) == 0 {
		return nil
	}
	return each(s.ctx, q, "SELECT id, project, component, item_path, item, item_variant, kind FROM series"+byIDs+
		" AND kind = '"+kindFunction+"'", list(wanted), func(row scanner) error {
		var id int64
		r := new(monitor.Series)
		err := row.Scan(&id, &r.Project, &r.Component, &r.ItemPath, &r.Item, &r.ItemVariant, &r.Kind)
		s.series[id] = r
		return err
	})
}

// readLocations reads the names of files with the IDs of wanted.
func (s *sampling) readLocations(q querier, wanted map[int64]string) error {
	if len(wanted) == 0 {
		return nil
	}
	if err := readNames(s.ctx, q, "SELECT id, item_fs_loc FROM locations", wanted, nil); err != nil {
		return err
	}
	for id, name := range wanted {
		s.locations[id] = name
	}
	return nil
}

// readContexts reads what tells the class of machine of the contexts whose hashes have the IDs of wanted.
func (s *sampling) readContexts(q querier, wanted map[int64]*monitor.Context) error {
	if len(wanted) == 0 {
		return nil
	}
	return each(s.ctx, q, "SELECT h.value, c.env, c.python_info FROM json_each(?) h CROSS JOIN contexts c ON c.seq = "+
		contextOf("h.value"), list(wanted), func(row scanner) error {
		var id int64
		c := new(monitor.Context)
		err := row.Scan(&id, &c.Env, &c.PythonInfo)
		s.contexts[id] = c
		return err
	})
}

// readOrigins reads what the rows were delivered with where that does not follow from their context and session. They
// are not many: metrics whose context or session came late, or never.
func (s *sampling) readOrigins(q querier) error {
	first, last := s.rows[0].seq, s.rows[0].seq
	for i := range s.rows {
		first, last = min(first, s.rows[i].seq), max(last, s.rows[i].seq)
	}
	pinned := make(map[int64]string)
	err := each(s.ctx, q, "SELECT seq, env FROM pinned_origins WHERE seq BETWEEN ? AND ?", []any{first, last}, func(row scanner) error {
		var seq int64
		var env string
		err := row.Scan(&seq, &env)
		pinned[seq] = env
		return err
	})
	if len(pinned) == 0 {
		return err
	}
	for i := range s.rows {
		if env, ok := pinned[s.rows[i].seq]; ok {
			s.rows[i].pinned = &env
		}
	}
	return err
}
