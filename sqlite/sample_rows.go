package sqlite

import (
	"context"
	"fmt"
	"math"

	"pymon-bridge/monitor"
)

// sampled is a session that is being read.
type sampled struct {
	run      *monitor.RunInfo
	hash     string
	id       int64            // of the hash; 0 before the first part
	session  monitor.Session  // only the fields that determine the class of machine
	envs     map[int64]string // classes of machine by the ID of a context's hash
	last     sampleRow        // the last row read
	complete bool

	// The metrics of a session mostly have neighbouring numbers. Then they are read in the order of their numbers, without an
	// index: from next on, up to end, so many numbers at a time. width is 0 where others have most of the numbers.
	next, end, width int64
	context          int64 // of all its metrics up to end; 0 when they have several
}

// sparse is how many numbers a metric of a session may have for itself and for others, until reading by the index is faster.
const sparse = 3

func newSampled(run *monitor.RunInfo, hash string) *sampled {
	return &sampled{run: run, hash: hash, envs: make(map[int64]string), last: sampleRow{utc: math.MinInt64}}
}

// sampleRow is a metric with its references to dictionaries.
type sampleRow struct {
	seq                            int64 // 0 when the file has no pinned origins
	series, context, location, utc int64
	total, cpu, mem                float64
	pinned                         *string // the pinned class of machine
}

// readPart reads the next metrics of a session in the order of the index, and the rows of dictionaries that they refer
// to.
func (s *sampling) readPart(q querier, of *sampled) error {
	s.rows = s.rows[:0]
	if of.id == 0 {
		err := each(s.ctx, q, `SELECT h.id, coalesce(s.machine, ''), coalesce(s.method, '') FROM hashes h
			LEFT JOIN sessions s ON s.hash = h.id WHERE h.h = ? AND h.project = ?`, []any{of.hash, of.run.Project},
			func(row scanner) error { return row.Scan(&of.id, &of.session.Machine, &of.session.Method) })
		if of.complete = of.id == 0; err != nil || of.complete {
			return err
		}
		if err := s.begin(q, of); err != nil {
			return err
		}
	}
	pinned, err := countOf(s.ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM pinned_origins)"))
	if err != nil {
		return err
	}
	if err := s.read(q, of, pinned > 0); err != nil {
		return err
	}
	if of.width > 0 {
		of.next += of.width
		of.complete = of.next > of.end
	} else {
		of.complete = len(s.rows) < s.db.scale.samples
	}
	if len(s.rows) == 0 {
		return nil
	}
	of.last = s.rows[len(s.rows)-1]
	if err := s.resolve(q, pinned > 0); err != nil {
		return err
	}
	s.assemble(of)
	return nil
}

// begin finds out how to read a session.
func (s *sampling) begin(q querier, of *sampled) error {
	var metrics int64
	err := each(s.ctx, q, "SELECT count(*), coalesce(min(seq), 0), coalesce(max(seq), 0) FROM metrics INDEXED BY metrics_session WHERE session = ?",
		[]any{of.id}, func(row scanner) error { return row.Scan(&metrics, &of.next, &of.end) })
	span := of.end - of.next + 1
	if err != nil || metrics == 0 || span > sparse*metrics {
		return err
	}
	of.width = max(1, int64(s.db.scale.samples)*span/metrics)
	return each(s.ctx, q, "SELECT coalesce(iif(min(context) = max(context), min(context), 0), 0) FROM tallies WHERE session = ?", []any{of.id},
		func(row scanner) error { return row.Scan(&of.context) })
}

// read reads rows. Reading a column costs as much as finding the row, so the IDs of series and location come in one
// column, and what all rows have in common is not read. An ID has fewer than 32 bits, since a dictionary with more rows would
// take hundreds of gigabytes. read takes the values as the driver returns them. Scanning them into their types would take as
// long as reading them.
func (s *sampling) read(q querier, of *sampled, pinned bool) error {
	columns := "SELECT series + (location << 32), utc_ns, total_time, user_time + kernel_time, mem_usage, " +
		map[bool]string{true: "context", false: "NULL"}[of.context == 0] + map[bool]string{true: ", seq"}[pinned]
	rest, args := " FROM metrics INDEXED BY metrics_session WHERE session = ? AND (utc_ns, series) > (?, ?) ORDER BY utc_ns, series LIMIT ?",
		[]any{of.id, of.last.utc, of.last.series, s.db.scale.samples}
	if of.width > 0 {
		rest = " FROM metrics NOT INDEXED WHERE session = ? AND seq BETWEEN ? AND ?"
		args = []any{of.id, of.next, min(of.next+of.width-1, of.end)}
	}
	v := make([]any, 6, 7)
	if pinned {
		v = v[:7]
	}
	into := make([]any, len(v))
	for i := range v {
		into[i] = &v[i]
	}
	// The driver would check for a cancelled ctx with every row. A part is short enough to be read to its end.
	ctx := context.WithoutCancel(s.ctx)
	return each(ctx, q, columns+rest, args, func(row scanner) error {
		if err := row.Scan(into...); err != nil {
			return err
		}
		r := sampleRow{context: of.context}
		refs, ok := v[0].(int64)
		if r.utc = asInt(v[1], &ok); of.context == 0 {
			r.context = asInt(v[5], &ok)
		}
		if pinned {
			r.seq = asInt(v[6], &ok)
		}
		if !ok {
			return fmt.Errorf("expected integers, found %T, %T and %T", v[0], v[1], v[5])
		}
		r.series, r.location = refs&math.MaxUint32, refs>>32
		for i, dest := range [...]*float64{&r.total, &r.cpu, &r.mem} {
			if err := (float{dest}).Scan(v[2+i]); err != nil {
				return err
			}
		}
		s.rows = append(s.rows, r)
		return nil
	})
}

func asInt(v any, ok *bool) int64 {
	n, is := v.(int64)
	*ok = *ok && is
	return n
}

// assemble makes samples of the rows that are of the wanted sort.
func (s *sampling) assemble(of *sampled) {
	for i := range s.rows {
		row := &s.rows[i]
		series := s.series[row.series]
		if series == nil {
			continue
		}
		s.samples = append(s.samples, monitor.Sample{Run: of.run, Session: of.hash, Series: series, Env: s.env(of, row),
			Location: s.locations[row.location], Start: row.utc, TotalTime: row.total, CPUTime: row.cpu, MemUsage: row.mem})
	}
}

// env returns the class of machine of a metric.
func (s *sampling) env(of *sampled, row *sampleRow) string {
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
