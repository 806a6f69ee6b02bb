package influx

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

var _ monitor.HistoryStore = (*Store)(nil)

const (
	// runLasts is how long after a run's first session others may start that are known to be its own where runs are
	// looked for by something else than their id.
	runLasts = 7 * 24 * time.Hour
	// firstLook is how far back the latest runs are looked for at first; each further look goes four times as far.
	firstLook = 30 * 24 * time.Hour
)

// RunHeads implements [monitor.HistoryStore]. Sessions of one run are expected to start within seven days; a run whose
// id comes back later begins anew there.
func (s *Store) RunHeads(ctx context.Context, q monitor.HeadQuery) ([]*monitor.RunHead, error) {
	switch {
	case q.Run != "":
		return s.headsAround(ctx, q, "run", q.Run, 0)
	case q.ScmRef != "":
		return s.headsAround(ctx, q, "scm_ref", q.ScmRef, runLasts)
	case q.Limit > 0:
		return s.latestHeads(ctx, q)
	default:
		heads, err := s.heads(ctx, q.Project, everywhere)
		return chosenHeads(heads, q, math.MinInt64), err
	}
}

// headsAround finds runs among the sessions that start between, or near, those that have a text in a field.
func (s *Store) headsAround(ctx context.Context, q monitor.HeadQuery, field, text string, near time.Duration) ([]*monitor.RunHead, error) {
	sc := newScan(s.writer.cfg.MetaBucket, SessionMeasurement, field)
	sc.ofProject(q.Project)
	sc.value = "r._value == " + sc.bind(EncodeText(text))
	in := span{everywhere.to, everywhere.from}
	err := s.ask(ctx, sc.flux(everywhere)+` |> keep(columns: ["_time"])`, sc.params, func(r *record) error {
		at, err := r.time()
		in = span{min(in.from, at), max(in.to, at+1)}
		return err
	})
	if err != nil || in.from >= in.to {
		return nil, err
	}
	in = span{max(everywhere.from, in.from-int64(near)), min(everywhere.to, in.to+int64(near))}
	heads, err := s.heads(ctx, q.Project, in)
	return chosenHeads(heads, q, math.MinInt64), err
}

// latestHeads looks back until it has found as many runs as are asked for. The sessions at the beginning of what it
// looks at may belong to runs that began before.
func (s *Store) latestHeads(ctx context.Context, q monitor.HeadQuery) ([]*monitor.RunHead, error) {
	end, to := s.writer.cfg.Now().UnixNano(), everywhere.to
	if q.Before != 0 && q.Before < end {
		end, to = q.Before, q.Before+int64(runLasts)
	}
	for look := int64(firstLook); ; look *= 4 {
		in, whole := span{end - look, to}, end-look
		if in.from <= everywhere.from || look > math.MaxInt64/4 {
			in.from, whole = everywhere.from, math.MinInt64
		} else {
			whole += int64(runLasts)
		}
		heads, err := s.heads(ctx, q.Project, in)
		if err != nil {
			return nil, err
		}
		found := chosenHeads(heads, q, whole)
		if len(found) == q.Limit || in.from == everywhere.from {
			return found, nil
		}
	}
}

// chosenHeads returns the runs of a query that did not start before a moment, the latest first.
func chosenHeads(heads []*monitor.RunHead, q monitor.HeadQuery, since int64) []*monitor.RunHead {
	heads = slices.DeleteFunc(heads, func(h *monitor.RunHead) bool {
		return q.Run != "" && h.ID != q.Run || q.ScmRef != "" && h.ScmRef != q.ScmRef ||
			q.Branch != nil && h.Branch != *q.Branch || q.Before != 0 && h.Started >= q.Before || h.Started < since
	})
	slices.SortFunc(heads, func(a, b *monitor.RunHead) int {
		return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.ID, b.ID))
	})
	if q.Limit > 0 {
		heads = heads[:min(q.Limit, len(heads))]
	}
	return heads
}

// headFields are what the head of a run is made of.
var headFields = []string{"session_h", "run", "scm_ref", "branch", "build", "received"}

// sessionHead is what one session says of its run.
type sessionHead struct {
	hash, run, scmRef, branch, build string
	at, received                     int64
}

// heads puts the sessions of a project that start in a span together to runs.
func (s *Store) heads(ctx context.Context, project string, in span) ([]*monitor.RunHead, error) {
	sessions, err := s.sessionHeads(ctx, project, in)
	if err != nil {
		return nil, err
	}
	var heads []*monitor.RunHead
	of := map[string]*monitor.RunHead{}
	for _, e := range sessions {
		run := of[e.run]
		if run == nil {
			run = &monitor.RunHead{Project: project, ID: e.run, ScmRef: e.scmRef, Branch: e.branch, Build: e.build, Started: e.at}
			of[e.run] = run
			heads = append(heads, run)
		}
		run.Sessions = append(run.Sessions, e.hash)
	}
	return heads, nil
}

// sessionHeads reads the sessions in the order of their start, then hash. Where bridges placed one at different times,
// it is where it was accepted first.
func (s *Store) sessionHeads(ctx context.Context, project string, in span) ([]sessionHead, error) {
	sc := newScan(s.writer.cfg.MetaBucket, SessionMeasurement, "session_h")
	sc.ofProject(project)
	points := map[sessionPoint]*sessionHead{}
	err := s.ask(ctx, sc.fluxOf(in, headFields)+` |> keep(columns: ["_time", "_value", "_field", "prefix"])`, sc.params, func(r *record) error {
		return addSession(points, r)
	})
	if err != nil {
		return nil, err
	}
	first := map[string]*sessionHead{}
	for _, e := range points {
		if known := first[e.hash]; known == nil || cmp.Or(cmp.Compare(e.received, known.received), cmp.Compare(e.at, known.at)) < 0 {
			first[e.hash] = e
		}
	}
	all := make([]sessionHead, 0, len(first))
	for _, e := range first {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b sessionHead) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hash, b.hash)) })
	return all, nil
}

// sessionPoint identifies the point of a session within a project.
type sessionPoint struct {
	prefix string
	at     int64
}

// addSession takes one field of a session.
func addSession(points map[sessionPoint]*sessionHead, r *record) error {
	at, err := r.time()
	if err != nil {
		return err
	}
	where := sessionPoint{r.text(tagPrefix), at}
	e := points[where]
	if e == nil {
		e = &sessionHead{at: at}
		points[sessionPoint{strings.Clone(where.prefix), at}] = e
	}
	field := r.text("_field")
	if field == "received" {
		e.received, err = r.integer()
		return err
	}
	text := strings.Clone(DecodeText(r.text("_value")))
	switch field {
	case "session_h":
		e.hash = text
	case "run":
		e.run = text
	case "scm_ref":
		e.scmRef = text
	case "branch":
		e.branch = text
	case "build":
		e.build = text
	}
	return nil
}
