package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"

	"pymon-bridge/monitor"
)

// samplesAtOnce is how many metrics are read in one transaction: some 10 ms, in which the log cannot be emptied.
const samplesAtOnce = 8192

// Samples implements [monitor.HistoryStore]. It holds nothing of the file while its consumer works.
func (db *DB) Samples(ctx context.Context, runs []*monitor.RunHead) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		s := newSampling(ctx, db)
		for _, run := range runs {
			for _, session := range run.Sessions {
				if err := s.session(run, session, yield); err != nil {
					if err != errStopped {
						yield(monitor.Sample{}, err)
					}
					return
				}
			}
		}
	}
}

// errStopped says that the consumer wants no more.
var errStopped = errors.New("the consumer has stopped")

// sampling is what was read of the dictionaries by ID, since the same tests, files and machines come in every run.
type sampling struct {
	ctx       context.Context
	db        *DB
	series    map[int64]*monitor.Series // nil where it is no test
	locations map[int64]string
	contexts  map[int64]*monitor.Context // nil where it is unknown; only what tells the class of machine
	rows      []sampleRow
}

func newSampling(ctx context.Context, db *DB) *sampling {
	return &sampling{ctx: ctx, db: db, series: make(map[int64]*monitor.Series), locations: make(map[int64]string),
		contexts: make(map[int64]*monitor.Context)}
}

// sampleRow is a metric with its references to dictionaries.
type sampleRow struct {
	seq, series, context, location, utc int64
	total, cpu, mem                     float64
	noted                               *string // class of machine it was delivered with
}

// sampled is a session whose metrics are being read.
type sampled struct {
	run     *monitor.RunHead
	hash    string
	id      int64           // of the hash, 0 when it was never seen
	session monitor.Session // only what tells the class of machine
	envs    map[int64]string
	last    sampleRow // the last one read
}

// session reads the metrics of a session part by part, each in a short transaction that goes on behind the one before.
func (s *sampling) session(run *monitor.RunHead, hash string, yield func(monitor.Sample, error) bool) error {
	of := &sampled{run: run, hash: hash, envs: make(map[int64]string), last: sampleRow{utc: math.MinInt64}}
	for {
		err := s.db.readFrom(s.ctx, s.db.listers, func(q querier) error { return s.part(q, of) })
		if err != nil {
			return err
		}
		for i := range s.rows {
			row := &s.rows[i]
			series := s.series[row.series]
			if series == nil {
				continue
			}
			if err := s.ctx.Err(); err != nil {
				return err
			}
			sample := monitor.Sample{Run: run, Session: hash, Series: series, Env: s.env(of, row),
				Location: s.locations[row.location], Start: row.utc, TotalTime: row.total, CPUTime: row.cpu, MemUsage: row.mem}
			if !yield(sample, nil) {
				return errStopped
			}
		}
		if len(s.rows) < samplesAtOnce {
			return nil
		}
		of.last = s.rows[len(s.rows)-1]
	}
}

func (s *sampling) env(of *sampled, row *sampleRow) string {
	if row.noted != nil {
		return *row.noted
	}
	env, ok := of.envs[row.context]
	if !ok {
		env = monitor.OriginOf(&monitor.Metric{}, s.contexts[row.context], &of.session).Env
		of.envs[row.context] = env
	}
	return env
}

// part reads the next metrics of a session, and what of the dictionaries they refer to for the first time.
func (s *sampling) part(q querier, of *sampled) error {
	s.rows = s.rows[:0]
	if of.id == 0 {
		err := q.QueryRowContext(s.ctx, `SELECT h.id, coalesce(s.machine, '') FROM hashes h LEFT JOIN sessions s ON s.hash = h.id
			WHERE h.h = ? AND h.project = ?`, of.hash, of.run.Project).Scan(&of.id, &of.session.Machine)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := s.read(q, of); err != nil || len(s.rows) == 0 {
		return err
	}
	return s.resolve(q)
}

const selectSamples = `SELECT seq, series, context, location, utc_ns, total_time, user_time + kernel_time, mem_usage
	FROM metrics INDEXED BY metrics_session
	WHERE session = ? AND (utc_ns, series) > (?, ?) ORDER BY utc_ns, series LIMIT ?`

// read reads rows. The values are taken as the driver gives them, because scanning them into their types would take
// longer than reading them.
func (s *sampling) read(q querier, of *sampled) error {
	var v [8]any
	into := [len(v)]any{}
	for i := range v {
		into[i] = &v[i]
	}
	// Without the end of ctx, for which the driver would wait anew with every row; a part is short.
	return each(context.WithoutCancel(s.ctx), q, selectSamples, []any{of.id, of.last.utc, of.last.series, samplesAtOnce},
		func(row scanner) error {
			if err := row.Scan(into[:]...); err != nil {
				return err
			}
			r := sampleRow{}
			for i, dest := range [...]*int64{&r.seq, &r.series, &r.context, &r.location, &r.utc} {
				var ok bool
				if *dest, ok = v[i].(int64); !ok {
					return fmt.Errorf("expected an integer, found %T", v[i])
				}
			}
			for i, dest := range [...]*float64{&r.total, &r.cpu, &r.mem} {
				if err := (float{dest}).Scan(v[5+i]); err != nil {
					return err
				}
			}
			s.rows = append(s.rows, r)
			return nil
		})
}

// resolve reads what the rows refer to.
func (s *sampling) resolve(q querier) error {
	series, locations, contexts := make(map[int64]*monitor.Series), make(map[int64]string), make(map[int64]*monitor.Context)
	for i := range s.rows {
		r := &s.rows[i]
		if _, ok := s.series[r.series]; !ok {
			series[r.series] = nil
		}
		if _, ok := s.locations[r.location]; !ok {
			locations[r.location] = ""
		}
		if _, ok := s.contexts[r.context]; !ok {
			s.contexts[r.context], contexts[r.context] = nil, nil
		}
	}
	if err := s.readSeries(q, series); err != nil {
		return err
	}
	if err := s.readLocations(q, locations); err != nil {
		return err
	}
	if err := s.readContexts(q, contexts); err != nil {
		return err
	}
	return s.readOrigins(q)
}
