package sqlite

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// Names implements [monitor.Store].
func (db *DB) Names(ctx context.Context, query monitor.NameQuery, p monitor.Page) iter.Seq2[string, error] {
	return stream(ctx, db, p, lister[string, string]{
		func(ctx context.Context, q querier, w wanted[string]) ([]string, error) {
			list := newClause("SELECT DISTINCT name FROM (")
			list.join(names(query))
			list.add(")")
			if w.after != nil {
				list.add(" WHERE name > ?", *w.after)
			}
			list.add(" ORDER BY name")
			return rowsOf(ctx, q, list, w.skip, w.max, w.left, func(row scanner) (name string, bytes int, err error) {
				err = row.Scan(&name)
				return name, len(name), err
			})
		},
		func(_ context.Context, _ querier, names []string, _ *budget) ([]string, error) { return names, nil }})
}

// CountNames implements [monitor.Store].
func (db *DB) CountNames(ctx context.Context, q monitor.NameQuery) (int64, error) {
	query := newClause("SELECT count(DISTINCT name) FROM (")
	query.join(names(q))
	query.add(")")
	return db.count(ctx, query)
}

// names returns a query for names, in the column name. A name may come several times.
func names(q monitor.NameQuery) clause {
	switch q.Of {
	case monitor.Components:
		return componentNames(q)
	case monitor.Pipelines:
		return tagValues(q, monitor.TagPipelineBranch)
	case monitor.PipelineBuilds:
		return tagValues(q, monitor.TagPipelineBuild)
	case monitor.Projects:
		return projectNames(q)
	default:
		return sessionHashes(q)
	}
}

func componentNames(q monitor.NameQuery) clause {
	where := newClause("EXISTS (SELECT 1 FROM tallies y WHERE y.component = components.id)") // not of outcomes alone
	where.prefix("name", q.Prefix)
	if q.Project != "" {
		where.and("project = ?", q.Project)
	}
	if q.NonEmpty {
		where.and("name <> ''")
	}
	return newClause("SELECT name FROM components WHERE "+where.sql, where.args...)
}

func projectNames(q monitor.NameQuery) clause {
	var where clause
	where.seen("project", q.Project)
	where.prefix("project", q.Prefix)
	if sub, all := sessionsOfNames(q); !all {
		where.in("hash", sub)
	}
	return newClause("SELECT project AS name FROM sessions WHERE "+where.sql, where.args...)
}

func tagValues(q monitor.NameQuery, tag string) clause {
	where := newClause("name = ? AND value > ''", tag)
	where.prefix("value", q.Prefix)
	if sub, all := sessionsOfNames(q); !all {
		where.in("session", sub)
	} else {
		gone := hiddenIn("hash", "sessions")
		where.and("session NOT IN ("+gone.sql+")", gone.args...)
	}
	return newClause("SELECT value AS name FROM tags WHERE "+where.sql, where.args...)
}

func sessionHashes(q monitor.NameQuery) clause {
	where := newClause("h > ''")
	where.prefix("h", q.Prefix)
	sub, _ := sessionsOfNames(q)
	where.in("id", sub)
	return newClause("SELECT h AS name FROM hashes WHERE "+where.sql, where.args...)
}

// sessionsOfNames returns a query for the IDs of the hashes of the sessions whose names q lists. all says that these
// are all sessions.
func sessionsOfNames(q monitor.NameQuery) (sub clause, all bool) {
	var where clause
	if q.Project != "" {
		where.and("project = ?", q.Project)
	}
	if q.Component != nil {
		where.and(`hash IN (SELECT session FROM tallies WHERE component IN (SELECT id FROM components WHERE name = ?))`,
			*q.Component)
	}
	for _, tag := range [...]monitor.TagMatch{
		{Name: monitor.TagPipelineBranch, Value: q.Pipeline}, {Name: monitor.TagPipelineBuild, Value: q.Build},
	} {
		if tag.Value != "" {
			where.and("hash IN (SELECT session FROM tags WHERE name = ? AND value = ?)", tag.Name, tag.Value)
		}
	}
	all = where.sql == ""
	if q.Project == "" {
		where.seen("project", "")
	}
	sub = newClause("SELECT hash FROM sessions")
	sub.join(where.where())
	return sub, all
}
