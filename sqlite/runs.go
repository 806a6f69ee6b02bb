package sqlite

import (
	"context"
	"math"
	"time"

	"pymon-bridge/monitor"
)

// RunOf implements [monitor.RunStore].
func (db *DB) RunOf(ctx context.Context, project, sessionH string) (run string, ended bool, err error) {
	run = sessionH
	_, err = db.row(ctx, "SELECT s.run, s.completion <> ''"+sessionTables+"WHERE h.h = ? AND h.project = ?", []any{sessionH, project}, &run, &ended)
	return run, ended, err
}

// Ended implements [monitor.RunStore].
func (db *DB) Ended(ctx context.Context, project, run string) (ended bool, err error) {
	_, err = db.row(ctx, "SELECT count(*) > 0 AND min(completion <> '') FROM sessions WHERE project = ? AND run = ?", []any{project, run}, &ended)
	return ended, err
}

// RunSummary implements [monitor.RunStore]. Metrics whose session is unknown are a run of their own, with the session's
// hash as its id. The commit and the branch are those of the session accepted first.
func (db *DB) RunSummary(ctx context.Context, project, run string) (*monitor.RunSummary, error) {
	s := summary{RunSummary: monitor.RunSummary{Project: project, Run: run}}
	err := db.read(ctx, func(q querier) error {
		if err := s.sessions(ctx, q); err != nil {
			return err
		}
		if err := s.measure(ctx, q); err != nil {
			return err
		}
		if s.Sessions == 0 {
			return monitor.Errorf(monitor.ENotFound, "there is no run %q in project %q", run, project)
		}
		return s.name(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return &s.RunSummary, nil
}

// summary is a run's summary while it is being made.
type summary struct {
	monitor.RunSummary
	slowest, mostMem uint64 // sequence numbers of the two tests; 0 for none
}

// sessions reads the sessions of the run.
func (s *summary) sessions(ctx context.Context, q querier) error {
	return each(ctx, q, `SELECT coalesce(scm_ref, ''), branch, completion, method, partial,
			NOT EXISTS (SELECT 1 FROM sessions e WHERE e.project = s.project AND e.seq < s.seq AND e.received < s.received - ?)
		FROM sessions s WHERE project = ? AND run = ? ORDER BY seq`,
		[]any{time.Hour.Nanoseconds(), s.Project, s.Run}, func(row scanner) error {
			var scm, branch string
			var first bool
			var end monitor.Session
			err := row.Scan(&scm, &branch, &end.Completion, &end.Method, &end.Reason, &first)
			if s.Sessions == 0 {
				s.ScmRef, s.Branch, s.FirstHour = scm, branch, first
			}
			s.Sessions++
			s.Add(&end)
			return err
		})
}

// measure reads the metrics of the run.
func (s *summary) measure(ctx context.Context, q querier) error {
	var unknown bool
	err := each(ctx, q, `WITH members (hash, unknown) AS (
			SELECT hash, 0 FROM sessions WHERE project = ?1 AND run = ?2
			UNION ALL SELECT h.id, 1 FROM hashes h WHERE h.h = ?2 AND h.project = ?1 AND
				NOT EXISTS (SELECT 1 FROM sessions s WHERE s.hash = h.id))
		SELECT m.seq, members.unknown, r.kind, m.total_time, m.mem_usage,
			m.utc_ns = (SELECT min(e.utc_ns) FROM metrics e WHERE e.series = m.series)
		FROM members CROSS JOIN metrics m ON m.session = members.hash JOIN series r ON r.id = m.series`,
		[]any{s.Project, s.Run}, func(row scanner) error {
			var seq uint64
			var kind string
			var seconds, memory float64
			var orphan, first bool
			if err := row.Scan(&seq, &orphan, &kind, float{&seconds}, float{&memory}, &first); err != nil {
				return err
			}
			unknown = unknown || orphan
			if first {
				s.NewSeries++
			}
			s.count(seq, kind, seconds, memory)
			return nil
		})
	if unknown {
		s.Sessions++
	}
	return err
}

func (s *summary) count(seq uint64, kind string, seconds, memory float64) {
	if kind != monitor.KindFunction {
		s.Modules++
		return
	}
	s.Tests++
	if !math.IsNaN(seconds) {
		s.TotalTime += seconds
		if s.slowest == 0 || seconds > s.Slowest.Value {
			s.slowest, s.Slowest.Value = seq, seconds
		}
	}
	if !math.IsNaN(memory) && (s.mostMem == 0 || memory > s.MostMem.Value) {
		s.mostMem, s.MostMem.Value = seq, memory
	}
}

// name reads the texts of the two tests that stand out.
func (s *summary) name(ctx context.Context, q querier) error {
	for _, test := range []struct {
		seq  uint64
		into *monitor.Extreme
	}{{s.slowest, &s.Slowest}, {s.mostMem, &s.MostMem}} {
		if test.seq == 0 {
			continue
		}
		found, err := metrics(ctx, q, selection{where: "seq = ?", args: []any{test.seq}, limit: 1})
		if err != nil {
			return err
		}
		test.into.ItemPath, test.into.ItemVariant = found[0].Metric.ItemPath, found[0].Metric.ItemVariant
	}
	return nil
}
