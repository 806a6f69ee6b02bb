package sqlite

import (
	"maps"

	"pymon-bridge/monitor"
)

// byID has rows of a dictionary by their IDs. A run has mostly neighbours, so a map of some IDs together is asked rarely.
type byID[V any] struct {
	blocks map[int64]*[1 << idBits]slot[V]
	number int64 // of the last block
	block  *[1 << idBits]slot[V]
}

const idBits = 5 // of an ID in its block

type slot[V any] struct {
	known bool
	value V
}

func (d *byID[V]) get(id int64) (v V, known bool) {
	if number := id >> idBits; d.block == nil || number != d.number {
		if d.number, d.block = number, d.blocks[number]; d.block == nil {
			return v, false
		}
	}
	s := &d.block[id&(1<<idBits-1)]
	return s.value, s.known
}

func (d *byID[V]) set(id int64, v V) {
	if d.get(id); d.block == nil {
		if d.blocks == nil {
			d.blocks = map[int64]*[1 << idBits]slot[V]{}
		}
		d.block = new([1 << idBits]slot[V])
		d.blocks[d.number] = d.block
	}
	d.block[id&(1<<idBits-1)] = slot[V]{true, v}
}

func (d *byID[V]) learn(values map[int64]V) {
	for id, v := range values {
		d.set(id, v)
	}
}

// resolve reads the rows of dictionaries that the metrics refer to and that no earlier part has read.
func (s *sampling) resolve(q querier, of *sampled) error {
	series, locations := make(map[int64]*monitor.Series), make(map[int64]string)
	contexts := make(map[int64]*monitor.Context)
	for _, session := range of.sessions {
		for i := range session.rows {
			r := &session.rows[i]
			if _, ok := s.series.get(r.series); !ok {
				series[r.series] = nil
			}
			if _, ok := s.locations.get(r.location); !ok {
				locations[r.location] = ""
			}
			if i > 0 && r.context == session.rows[i-1].context {
				continue
			}
			if _, ok := s.contexts[r.context]; !ok {
				contexts[r.context] = nil
			}
		}
	}
	wanted := func(series *monitor.Series) bool {
		return (series.Kind == monitor.KindFunction) == (s.of == monitor.Tests)
	}
	if err := readSeries(s.ctx, q, series, wanted, nil); err != nil {
		return err
	}
	if err := readLocations(s.ctx, q, locations, nil); err != nil {
		return err
	}
	if err := s.readContexts(q, contexts); err != nil {
		return err
	}
	s.series.learn(series)
	s.locations.learn(locations)
	maps.Copy(s.contexts, contexts)
	pinned, err := countOf(s.ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM pinned_origins)"))
	if err != nil || pinned == 0 {
		return err
	}
	for _, session := range of.sessions {
		if err := s.readOrigins(q, session.rows); err != nil {
			return err
		}
	}
	return nil
}

// readContexts reads the fields of contexts that determine the class of machine. The keys of into are the IDs of their
// hashes.
func (s *sampling) readContexts(q querier, into map[int64]*monitor.Context) error {
	if len(into) == 0 {
		return nil
	}
	return each(s.ctx, q, "SELECT h.value, c.env, c.python_info FROM json_each(?) h CROSS JOIN contexts c ON c.seq = "+
		contextOf("h.value"), []any{jsonList(idsOf(into))}, func(row scanner) error {
		var id int64
		c := new(monitor.Context)
		err := row.Scan(&id, &c.Env, &c.PythonInfo)
		into[id] = c
		return err
	})
}

// readOrigins reads the pinned classes of machine of the metrics. Only metrics whose context or session came late or
// never have one.
func (s *sampling) readOrigins(q querier, rows []sampleRow) error {
	if len(rows) == 0 {
		return nil
	}
	first, last := rows[0].seq, rows[0].seq
	for i := range rows {
		first, last = min(first, rows[i].seq), max(last, rows[i].seq)
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
	for i := range rows {
		if env, ok := pinned[rows[i].seq]; ok {
			rows[i].pinned = &env
		}
	}
	return err
}
