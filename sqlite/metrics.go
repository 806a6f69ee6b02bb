package sqlite

import (
	"context"
	"encoding/json"
	"slices"

	"pymon-bridge/monitor"
)

// selection says which metrics, or which outcomes, by a condition on seq that holds for side tables too.
type selection struct {
	outcomes bool
	where    string
	args     []any
	limit    int // -1 for all
	// bounded reads fewer where their texts are large: see maxRead.
	bounded bool
	// left is what their texts may take; reading more fails with errEnough. nil has no end.
	left *budget
}

// until narrows a selection to what is not beyond seq.
func (s selection) until(seq uint64) selection {
	s.where, s.args, s.limit, s.bounded = s.where+" AND seq <= ?", append(s.args[:len(s.args):len(s.args)], seq), -1, false
	return s
}

// metricRow is a row of metrics or outcomes whose references are still to be resolved.
type metricRow struct {
	rec                                *monitor.Record
	series, session, context, location int64
}

// metrics reads metrics or outcomes in the order of acceptance, as they were sent. The dictionaries are read once for each of
// their rows that is needed, instead of joined to every metric: the same few tests, files and hashes come again and
// again, and their texts then are in memory once.
func metrics(ctx context.Context, q querier, s selection) ([]monitor.Pending, error) {
	rows, err := metricRows(ctx, q, s)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if s.bounded {
		if rows, err = affordable(ctx, q, s.until(rows[len(rows)-1].rec.Seq), rows); err != nil {
			return nil, err
		}
	}
	dict, err := readDictionary(ctx, q, rows, s.left)
	if err != nil {
		return nil, err
	}
	texts, err := readTexts(ctx, q, s.until(rows[len(rows)-1].rec.Seq))
	if err != nil {
		return nil, err
	}
	pending := make([]monitor.Pending, len(rows))
	for i, row := range rows {
		series := dict.series[row.series]
		m := row.rec.Measured()
		m.SessionH, m.ContextH = dict.hashes[row.session], dict.hashes[row.context]
		m.ItemFSLoc = dict.locations[row.location]
		setTexts(m, series, texts[row.rec.Seq])
		row.rec.Project = series.Project
		pending[i].Record = row.rec
	}
	return pending, nil
}

// pinnedMetrics reads metrics or outcomes with the origins that are pinned to them.
func pinnedMetrics(ctx context.Context, q querier, s selection) ([]monitor.Pending, error) {
	pending, err := metrics(ctx, q, s)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	origins, err := readOrigins(ctx, q, s.until(pending[len(pending)-1].Seq))
	for i := range pending {
		pending[i].Pinned = origins[pending[i].Seq]
	}
	return pending, err
}

func metricRows(ctx context.Context, q querier, s selection) ([]metricRow, error) {
	columns, table := rowColumns, "metrics"
	if s.outcomes {
		columns, table = rowColumns+outcomeColumns, "outcomes"
	}
	var rows []metricRow
	err := each(ctx, q, "SELECT "+columns+" FROM "+table+" WHERE "+s.where+" ORDER BY seq LIMIT ?",
		append(s.args[:len(s.args):len(s.args)], s.limit), func(row scanner) error {
			r := metricRow{rec: &monitor.Record{}}
			var more []any
			if s.outcomes {
				r.rec.Outcome = new(monitor.Outcome)
				more = outcomeInto(r.rec.Outcome)
			} else {
				r.rec.Metric = new(monitor.Metric)
			}
			m := r.rec.Measured()
			err := row.Scan(slices.Concat([]any{&r.rec.Seq, &r.series, &r.session, &r.context, &r.location, &m.At.UTC,
				&m.At.Offset, instant{&r.rec.Received}}, floats(m), more)...)
			rows = append(rows, r)
			return err
		})
	return rows, err
}

// dictionary is the part of the dictionaries that some metrics refer to, by ID.
type dictionary struct {
	series    map[int64]*monitor.Series
	hashes    map[int64]string
	locations map[int64]string
}

// collect returns a dictionary of what rows refer to, without the texts.
func collect(rows []metricRow) *dictionary {
	d := &dictionary{make(map[int64]*monitor.Series), make(map[int64]string), make(map[int64]string)}
	for i := range rows {
		d.series[rows[i].series] = nil
		d.hashes[rows[i].session], d.hashes[rows[i].context] = "", ""
		d.locations[rows[i].location] = ""
	}
	return d
}

// byIDs narrows a query to the IDs in a list.
const byIDs = " WHERE id IN (SELECT value FROM json_each(?))"

func readDictionary(ctx context.Context, q querier, rows []metricRow, left *budget) (*dictionary, error) {
	d := collect(rows)
	err := each(ctx, q, "SELECT id, project, component, item_path, item, item_variant, kind FROM series"+byIDs,
		list(d.series), func(row scanner) error {
			var id int64
			s := new(monitor.Series)
			err := row.Scan(&id, &s.Project, &s.Component, &s.ItemPath, &s.Item, &s.ItemVariant, &s.Kind)
			d.series[id] = s
			if err != nil {
				return err
			}
			return left.spend(len(s.Component) + len(s.ItemPath) + len(s.Item) + len(s.ItemVariant) + len(s.Kind))
		})
	if err != nil {
		return nil, err
	}
	if err := readNames(ctx, q, "SELECT id, h FROM hashes", d.hashes, left); err != nil {
		return nil, err
	}
	return d, readNames(ctx, q, "SELECT id, item_fs_loc FROM locations", d.locations, left)
}

// readNames fills in the texts of the IDs that are the keys of into.
func readNames(ctx context.Context, q querier, query string, into map[int64]string, left *budget) error {
	return each(ctx, q, query+byIDs, list(into), func(row scanner) error {
		var id int64
		var name string
		err := row.Scan(&id, &name)
		into[id] = name
		if err != nil {
			return err
		}
		return left.spend(len(name))
	})
}

// list is the keys of a map as the one argument that json_each takes.
func list[V any](m map[int64]V) []any {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	text, err := json.Marshal(ids)
	if err != nil {
		panic(err) // numbers can be encoded
	}
	return []any{string(text)}
}

func readTexts(ctx context.Context, q querier, s selection) (map[uint64]*sentTexts, error) {
	texts := make(map[uint64]*sentTexts)
	err := each(ctx, q, "SELECT seq, item_start_time, component, item_path, item, item_variant, kind FROM texts WHERE "+
		s.where, s.args, func(row scanner) error {
		var seq uint64
		t := new(sentTexts)
		err := row.Scan(append([]any{&seq}, t.columns()...)...)
		texts[seq] = t
		if err != nil {
			return err
		}
		return s.left.spend(t.size())
	})
	return texts, err
}
