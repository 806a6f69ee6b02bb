package sqlite

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// selection chooses metrics or outcomes by a condition on seq. The condition also works on texts and pinned_origins.
type selection struct {
	outcomes bool
	where    string
	args     []any
	limit    int // -1 for all
	// bounded reads fewer rows when they are large: see maxRead.
	bounded bool
	// left bounds the bytes of the texts. Reading more fails with errEnough.
	left *budget
}

// until adds the condition that seq is at most the given one.
func (s selection) until(seq uint64) selection {
	s.where, s.args, s.limit, s.bounded = s.where+" AND seq <= ?", append(s.args[:len(s.args):len(s.args)], seq), -1, false
	return s
}

// metricRow is a row of metrics or outcomes before the texts that it refers to are read.
type metricRow struct {
	rec                                *monitor.Record
	series, session, context, location int64
}

// metrics reads metrics or outcomes as they were sent, in the order of acceptance. It reads each row of a dictionary
// once and does not join the dictionaries to the metrics. The same few tests, files and hashes come again and again. So
// their texts are in memory once.
func metrics(ctx context.Context, q querier, s selection) ([]monitor.Pending, error) {
	rows, err := wholeRows(ctx, q, s)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	pending := make([]monitor.Pending, len(rows))
	for i, row := range rows {
		pending[i].Record = row.rec
	}
	return pending, nil
}

// wholeRows reads metrics or outcomes with the IDs that their rows have.
func wholeRows(ctx context.Context, q querier, s selection) ([]metricRow, error) {
	rows, err := metricRows(ctx, q, s)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if !s.bounded {
		return rows, setAllTexts(ctx, q, s, rows)
	}
	for { // some texts may be large
		if left := budget(maxRead); len(rows) > 1 {
			s.left = &left
		} else {
			s.left = nil
		}
		if err = setAllTexts(ctx, q, s, rows); err != errEnough {
			return firstWithinBudget(rows), err
		}
		rows = rows[:len(rows)/2]
	}
}

// setAllTexts reads the texts that rows refer to.
func setAllTexts(ctx context.Context, q querier, s selection, rows []metricRow) error {
	dict, err := readDictionary(ctx, q, rows, s.left)
	if err != nil {
		return err
	}
	texts, err := readTexts(ctx, q, s.until(rows[len(rows)-1].rec.Seq))
	if err != nil {
		return err
	}
	for _, row := range rows {
		series, m := dict.series[row.series], row.rec.Measured()
		m.SessionH, m.ContextH = dict.hashes[row.session], dict.hashes[row.context]
		m.ItemFSLoc = dict.locations[row.location]
		setTexts(m, series, texts[row.rec.Seq])
		if row.rec.Project = series.Project; dict.removing[row.session] {
			row.rec.Project = oldPrefix + series.Project
		}
	}
	return nil
}

// pinnedMetrics reads metrics or outcomes with their pinned origins.
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

func metricRows(ctx context.Context, q querier, s selection) (rows []metricRow, err error) {
	columns, table := rowColumns, "metrics"
	if s.outcomes {
		columns, table = rowColumns+outcomeColumns, "outcomes"
	}
	left := budget(maxRead) // a row has a node id, which can be large
	err = each(ctx, q, "SELECT "+columns+" FROM "+table+" WHERE "+s.where+" ORDER BY seq LIMIT ?",
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
			switch {
			case err != nil:
				return err
			case s.bounded:
				return left.spend(r.rec.Size())
			case s.outcomes:
				return s.left.spend(len(r.rec.Outcome.NodeID))
			}
			return nil
		})
	if err == errEnough && s.bounded {
		err = nil
	}
	return rows, err
}

// dictionary has the rows of the dictionaries that some metrics refer to, by ID.
type dictionary struct {
	series    map[int64]*monitor.Series
	hashes    map[int64]string
	locations map[int64]string
	removing  map[int64]bool // hashes of sessions that are being removed
}

// referencesOf returns a dictionary with the IDs that rows refer to, without the texts.
func referencesOf(rows []metricRow) *dictionary {
	d := &dictionary{make(map[int64]*monitor.Series), make(map[int64]string), make(map[int64]string), make(map[int64]bool)}
	for i := range rows {
		d.series[rows[i].series] = nil
		d.hashes[rows[i].session], d.hashes[rows[i].context] = "", ""
		d.locations[rows[i].location] = ""
	}
	return d
}

func readDictionary(ctx context.Context, q querier, rows []metricRow, left *budget) (*dictionary, error) {
	d := referencesOf(rows)
	if err := readSeries(ctx, q, d.series, nil, left); err != nil {
		return nil, err
	}
	err := eachText(ctx, q, "hashes", []string{"h", "project"}, idsOf(d.hashes), func(id int64, texts []string) error {
		if d.hashes[id] = texts[0]; strings.HasPrefix(texts[1], oldPrefix) {
			d.removing[id] = true
		}
		return left.spend(len(texts[0]))
	})
	if err != nil {
		return nil, err
	}
	return d, readLocations(ctx, q, d.locations, left)
}

// readSeries reads the series whose IDs are the keys of into. Those that are not wanted stay nil. A nil function wants all.
func readSeries(ctx context.Context, q querier, into map[int64]*monitor.Series, wanted func(*monitor.Series) bool, left *budget) error {
	columns := []string{"project", "component", "item_path", "item", "item_variant", "kind"}
	return eachText(ctx, q, "series", columns, idsOf(into), func(id int64, t []string) error {
		s := monitor.Series{Project: t[0], Component: t[1], ItemPath: t[2], Item: t[3], ItemVariant: t[4], Kind: t[5]}
		if wanted != nil && !wanted(&s) {
			return nil
		}
		into[id] = &s
		return left.spend(len(s.Component) + len(s.ItemPath) + len(s.Item) + len(s.ItemVariant) + len(s.Kind))
	})
}

// readLocations reads the locations whose IDs are the keys of into.
func readLocations(ctx context.Context, q querier, into map[int64]string, left *budget) error {
	return eachText(ctx, q, "locations", []string{"item_fs_loc"}, idsOf(into), func(id int64, texts []string) error {
		into[id] = texts[0]
		return left.spend(len(texts[0]))
	})
}

func idsOf[V any](m map[int64]V) []int64 {
	return slices.AppendSeq(make([]int64, 0, len(m)), maps.Keys(m))
}

// jsonList returns a list of numbers or texts as JSON.
func jsonList[T any](items []T) string {
	text, err := json.Marshal(items)
	if err != nil {
		panic(err) // numbers and texts can be encoded
	}
	return string(text)
}

func readTexts(ctx context.Context, q querier, s selection) (map[uint64]*sentTexts, error) {
	texts := make(map[uint64]*sentTexts)
	err := each(ctx, q, "SELECT seq, item_start_time, component, item_path, item, item_variant, kind FROM texts WHERE "+
		s.where, s.args, func(row scanner) error {
		var seq uint64
		t := new(sentTexts)
		if err := row.Scan(append([]any{&seq}, t.columns()...)...); err != nil {
			return err
		}
		texts[seq] = t
		return s.left.spend(t.size())
	})
	return texts, err
}
