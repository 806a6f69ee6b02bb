package sqlite

import (
	"maps"

	"pymon-bridge/monitor"
)

// resolve reads the rows of dictionaries that the metrics refer to and that no earlier part has read.
func (s *sampling) resolve(q querier, pinned bool) error {
	series, locations := make(map[int64]*monitor.Series), make(map[int64]string)
	contexts := make(map[int64]*monitor.Context)
	for i := range s.rows {
		r := &s.rows[i]
		if _, ok := s.series[r.series]; !ok {
			series[r.series] = nil
		}
		if _, ok := s.locations[r.location]; !ok {
			locations[r.location] = ""
		}
		if _, ok := s.contexts[r.context]; !ok {
			contexts[r.context] = nil
		}
	}
	is := map[monitor.Sort]string{monitor.Tests: "=", monitor.Modules: "<>"}[s.of]
	if err := readSeries(s.ctx, q, " AND kind "+is+" '"+monitor.KindFunction+"'", series, nil); err != nil {
		return err
	}
	if err := readNames(s.ctx, q, "SELECT id, item_fs_loc FROM locations", locations, nil); err != nil {
		return err
	}
	if err := s.readContexts(q, contexts); err != nil {
		return err
	}
	maps.Copy(s.series, series)
	maps.Copy(s.locations, locations)
	maps.Copy(s.contexts, contexts)
	if !pinned {
		return nil
	}
	return s.readOrigins(q)
}

// readContexts reads the fields of contexts that determine the class of machine. The keys of into are the IDs of their
// hashes.
func (s *sampling) readContexts(q querier, into map[int64]*monitor.Context) error {
	if len(into) == 0 {
		return nil
	}
	return each(s.ctx, q, "SELECT h.value, c.env, c.python_info FROM json_each(?) h CROSS JOIN contexts c ON c.seq = "+
		contextOf("h.value"), keys(into), func(row scanner) error {
		var id int64
		c := new(monitor.Context)
		err := row.Scan(&id, &c.Env, &c.PythonInfo)
		into[id] = c
		return err
	})
}

// readOrigins reads the pinned classes of machine of the metrics. Only metrics whose context or session came late or
// never have one.
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
