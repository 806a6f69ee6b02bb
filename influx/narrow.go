package influx

import (
	"cmp"
	"context"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

const (
	// beforeSession and afterSession bound where the metrics of a session are looked for, around its start.
	beforeSession = time.Hour
	afterSession  = 7 * 24 * time.Hour

	// named is how many sessions are named in a query; the metrics of more of them are chosen here.
	named = 200
)

// session identifies a session.
type session struct{ project, hash string }

// narrow adds what a query wants of sessions to a scan, and where in time to look. It returns nil if there are no
// such sessions.
func (s *Store) narrow(ctx context.Context, sc *scan, q monitor.MetricQuery, ofSession []monitor.Match) (*scan, error) {
	if len(ofSession) > 0 {
		found, err := s.sessionsWith(ctx, q.Project, ofSession)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		sc.ofSessions(found)
	}
	for _, m := range q.Where {
		if m.Field == monitor.FieldSessionH && m.How == monitor.Equals {
			found, err := s.entries(ctx, sessionDirectory, lookFor{project: q.Project, hash: &m.Text})
			if err != nil {
				return nil, err
			}
			if len(found) > 0 {
				sc.around(found)
			}
		}
		// Nothing says when a context was measured, and most were by one session only.
		sc.directed = sc.directed || m.Field == monitor.FieldContextH && m.How == monitor.Equals
	}
	return sc, s.orient(ctx, sc)
}

// sessionsWith returns the sessions for which all matches hold.
func (s *Store) sessionsWith(ctx context.Context, project string, matches []monitor.Match) ([]entry, error) {
	var found []entry
	for b, err := range s.briefs(ctx, lookFor{project: project}, fieldsOf(matches)...) {
		if err != nil {
			return nil, err
		}
		if holds(b.Session, matches) {
			found = append(found, b.entry)
		}
	}
	return found, nil
}

func holds(s *monitor.Session, matches []monitor.Match) bool {
	for _, m := range matches {
		var text monitor.Text
		switch m.Field {
		case monitor.FieldScmRef:
			text = s.ScmRef
		case monitor.FieldPipeline:
			text = tagText(s, "pipeline_branch")
		default:
			text = tagText(s, "pipeline_build_no")
		}
		if text.Null || !compares(m, text.String) {
			return false
		}
	}
	return true
}

// tagText returns the value of the last tag of a name, null where there is none.
func tagText(s *monitor.Session, name string) monitor.Text {
	for _, t := range slices.Backward(s.Tags) {
		if t.Name == name {
			return t.Value
		}
	}
	return monitor.Text{Null: true}
}

// ofSessions leaves only metrics of these sessions.
func (sc *scan) ofSessions(found []entry) {
	sc.around(found)
	const field = "session_h"
	ids, projects := make(map[session]bool, len(found)), map[string]bool{}
	for _, e := range found {
		ids[e.session] = true
		projects[e.project] = true
	}
	if sc.rows != nil {
		sc.rows.ids = ids
	}
	free := sc.key == presentField && len(found) <= named
	if free {
		var hashes []string
		for id := range ids {
			hashes = append(hashes, EncodeText(id.hash))
		}
		sc.key, sc.value = field, sc.oneOf("_value", hashes)
	}
	if len(projects) == 1 {
		sc.ofProject(found[0].project)
	}
	if !free || len(projects) > 1 {
		sc.also(func(p *sample) bool { return ids[session{p.texts[0], p.row().text(field)}] }, field)
	}
}

// around leaves only metrics that are near the start of one of these sessions.
func (sc *scan) around(found []entry) {
	var near []span
	slices.SortFunc(found, func(a, b entry) int { return cmp.Compare(a.at, b.at) })
	for _, e := range found {
		at := span{max(everywhere.from, e.at-int64(beforeSession)), min(everywhere.to, e.at+int64(afterSession))}
		if n := len(near); n > 0 && at.from <= near[n-1].to {
			near[n-1].to = at.to
		} else {
			near = append(near, at)
		}
	}
	starts := slices.Clone(sc.starts) // which others may share
	for _, e := range found {
		starts = append(starts, e.at)
	}
	slices.Sort(starts)
	sc.starts, sc.near = slices.Compact(starts), true
	sc.spans = overlaps(sc.spans, near)
	sc.directed = sc.directed || len(found) <= 4
}

// overlaps returns the times that are in both of two lists of spans.
func overlaps(a, b []span) []span {
	var both []span
	for _, x := range a {
		for _, y := range b {
			if from, to := max(x.from, y.from), min(x.to, y.to); from < to {
				both = append(both, span{from, to})
			}
		}
	}
	return both
}
