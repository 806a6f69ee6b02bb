package sqlite

import (
	"context"
	"math"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite/pages"
)

// sampled is a run that is being read.
//
// The metrics of its sessions mostly have neighbouring numbers. Then they are read in the order of these, from the pages of the
// table: that takes a fifth of the time that SQLite takes to give each column of each row. The sessions of a run are read together,
// since those of pytest-xdist mix. What is not found so is read by the index.
type sampled struct {
	run      *monitor.RunInfo
	sessions []*sampledSession
	byID     map[int64]*sampledSession
	begun    bool

	first, next, end int64 // the numbers from first up to next have been read, and those up to end are read in this way
	width            int64 // how many numbers are read at a time
}

// sampledSession is a session of a run that is being read.
type sampledSession struct {
	hash    string
	id      int64            // of the hash
	session monitor.Session  // only the fields that determine the class of machine
	envs    map[int64]string // classes of machine by the ID of a context's hash
	left    int64            // number of metrics that were not read by their numbers
	indexed int64            // number of those that were read by the index
	last    sampleRow        // the last row that was read by the index
	rows    []sampleRow      // of the part that is being read
}

// sparse is how many numbers a metric may have for itself and for others, until reading by the index is faster.
const sparse = 16

// sampleRow is a metric with its references to dictionaries.
type sampleRow struct {
	seq, series, context, location, utc int64
	total, cpu, mem                     float64
	pinned                              *string // the pinned class of machine
}

// readPart reads the next metrics of a run, and the rows of dictionaries that they refer to. complete says that they are the last.
func (s *sampling) readPart(q querier, of *sampled) (complete bool, err error) {
	if !of.begun {
		if err := s.begin(q, of); err != nil {
			return false, err
		}
	}
	for _, session := range of.sessions {
		session.rows = session.rows[:0]
	}
	complete = true
	if of.next <= of.end {
		complete = false
		err = s.readNumbers(q, of)
	} else {
		for _, session := range of.sessions {
			if session.left > 0 {
				complete = false
				err = s.readIndex(q, of, session)
				break
			}
		}
	}
	if err != nil || complete {
		return complete, err
	}
	if err := s.resolve(q, of); err != nil {
		return false, err
	}
	s.assemble(of)
	return false, nil
}

// begin finds the sessions of a run, and out how to read them.
func (s *sampling) begin(q querier, of *sampled) error {
	of.begun, of.byID = true, map[int64]*sampledSession{}
	of.first, of.end = math.MaxInt64, math.MinInt64
	var metrics int64
	for _, hash := range of.run.Sessions {
		session := &sampledSession{hash: hash, envs: make(map[int64]string), last: sampleRow{utc: math.MinInt64}}
		var first, last int64
		err := each(s.ctx, q, `SELECT h.id, coalesce(s.machine, ''), coalesce(s.method, ''),
			(SELECT coalesce(sum(metrics), 0) FROM tallies WHERE session = h.id),
			coalesce((SELECT seq FROM metrics INDEXED BY metrics_session WHERE session = h.id ORDER BY utc_ns, series LIMIT 1), 0),
			coalesce((SELECT seq FROM metrics INDEXED BY metrics_session WHERE session = h.id ORDER BY utc_ns DESC, series DESC LIMIT 1), 0)
			FROM hashes h LEFT JOIN sessions s ON s.hash = h.id WHERE h.h = ? AND h.project = ?`, []any{hash, of.run.Project},
			func(row scanner) error {
				return row.Scan(&session.id, &session.session.Machine, &session.session.Method, &session.left, &first, &last)
			})
		if err != nil {
			return err
		}
		if session.left == 0 || of.byID[session.id] != nil {
			continue
		}
		of.sessions, of.byID[session.id] = append(of.sessions, session), session
		metrics += session.left
		of.first, of.end = min(of.first, first, last), max(of.end, first, last)
	}
	of.next = of.first
	span := of.end - of.first + 1
	if metrics == 0 || span > sparse*metrics {
		of.end = of.next - 1
		return nil
	}
	of.width = max(1, int64(s.db.scale.samples)*span/metrics)
	return nil
}

// readNumbers reads the metrics of a run by their numbers.
func (s *sampling) readNumbers(q querier, of *sampled) error {
	until := min(of.next+of.width-1, of.end)
	whole := true
	var r sampleRow
	ok, err := eachRow(s.ctx, q, "metrics", pages.Rowids{First: of.next, Last: until}, func(seq int64, c *pages.Columns) {
		if c == nil {
			whole = false
			return
		}
		c.Skip(1) // its number
		r.seq, r.series = seq, c.Int()
		session := of.byID[c.Int()]
		r.context, r.location, r.utc = c.Int(), c.Int(), c.Int()
		c.Skip(2) // the offset, and when it was received
		r.total = c.Float()
		r.cpu = c.Float() + c.Float()
		c.Skip(1) // cpu_usage
		r.mem = c.Float()
		if whole = whole && !c.Bad(); session != nil {
			session.rows = append(session.rows, r)
		}
	})
	if err != nil {
		return err
	}
	if !ok || !whole { // SQLite reads them, or says what is wrong with the pages
		of.end = of.next - 1
		for _, session := range of.sessions {
			session.rows = session.rows[:0]
		}
		return nil
	}
	of.next = until + 1
	for _, session := range of.sessions {
		session.left -= int64(len(session.rows))
	}
	return nil
}

// readIndex reads the metrics of a session by the index, without those that have been read by their numbers.
func (s *sampling) readIndex(q querier, of *sampled, session *sampledSession) error {
	// The driver would check for a cancelled ctx with every row. A part is short enough to be read to its end.
	ctx := context.WithoutCancel(s.ctx)
	err := each(ctx, q, `SELECT seq, series, context, location, utc_ns, total_time, user_time + kernel_time, mem_usage
		FROM metrics INDEXED BY metrics_session WHERE session = ? AND (utc_ns, series) > (?, ?) AND seq NOT BETWEEN ? AND ?
		ORDER BY utc_ns, series LIMIT ?`,
		[]any{session.id, session.last.utc, session.last.series, of.first, of.next - 1, s.db.scale.samples}, func(row scanner) error {
			var r sampleRow
			err := row.Scan(&r.seq, &r.series, &r.context, &r.location, &r.utc, float{&r.total}, float{&r.cpu}, float{&r.mem})
			session.rows = append(session.rows, r)
			return err
		})
	n := len(session.rows)
	if session.indexed += int64(n); err == nil && n < s.db.scale.samples {
		if session.left > session.indexed && of.next > of.first {
			err = s.requireRows(ctx, q, of, session)
		}
		session.left = 0
	}
	if n > 0 {
		session.last = session.rows[n-1]
	}
	return err
}

// requireRows fails where the index has metrics that were not found by their numbers, since a page is damaged. Where the index has no more
// either, others were removed meanwhile.
func (s *sampling) requireRows(ctx context.Context, q querier, of *sampled, session *sampledSession) error {
	const offsets = "SELECT total(utc_offset) FROM metrics INDEXED BY metrics_session WHERE session = ? AND seq BETWEEN ? AND ?" // are not in the index
	return q.QueryRowContext(ctx, offsets, session.id, of.first, of.next-1).Scan(new(float64))
}

// assemble makes samples of the rows that are of the wanted sort.
func (s *sampling) assemble(of *sampled) {
	for _, session := range of.sessions {
		for i := range session.rows {
			row := &session.rows[i]
			series, _ := s.series.get(row.series)
			if series == nil {
				continue
			}
			location, _ := s.locations.get(row.location)
			s.samples = append(s.samples, monitor.Sample{Run: of.run, Session: session.hash, Series: series, Env: s.env(session, row),
				Location: location, Start: row.utc, TotalTime: row.total, CPUTime: row.cpu, MemUsage: row.mem})
		}
	}
}

// env returns the class of machine of a metric.
func (s *sampling) env(of *sampledSession, row *sampleRow) string {
	if row.pinned != nil {
		return *row.pinned
	}
	env, ok := of.envs[row.context]
	if !ok {
		env = monitor.OriginOf("", s.contexts[row.context], &of.session).Env
		of.envs[row.context] = env
	}
	return env
}
