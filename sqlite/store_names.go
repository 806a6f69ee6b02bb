package sqlite

import (
	"context"
	"iter"

	"pymon-bridge/monitor"
)

// The tags that name a pipeline and its build.
const (
	tagPipeline = monitor.TagPipelineBranch
	tagBuild    = monitor.TagPipelineBuild
)

// Names implements [monitor.Store].
func (db *DB) Names(ctx context.Context, q monitor.NameQuery, p monitor.Page) iter.Seq2[string, error] {
	return stream(ctx, db, p, func() lister[string, string] {
		var last *string
		return direct(func(from querier, skip, max int64, left *budget) ([]string, error) {
			query := newClause("SELECT DISTINCT name FROM (")
			query.join(names(q))
			query.add(")")
			if last != nil {
				query.add(" WHERE name > ?", *last)
			}
			query.add(" ORDER BY name")
			return rowsOf(ctx, from, query, skip, max, func(row scanner) (string, error) {
				var name string
				if err := row.Scan(&name); err != nil {
					return "", err
				}
				last = &name
				return name, left.spend(len(name))
			})
		})
	})
}

// CountNames implements [monitor.Store].
func (db *DB) CountNames(ctx context.Context, q monitor.NameQuery) (int64, error) {
	query := newClause("SELECT count(DISTINCT name) FROM (")
	query.join(names(q))
	query.add(")")
	return part(ctx, db, func(from querier) (int64, error) { return countOf(ctx, from, query) })
}

// names returns the query for names with repetitions, in a column of that name.
func names(q monitor.NameQuery) clause {
	switch q.Of {
	case monitor.Components:
		return componentNames(q)
	case monitor.Pipelines:
		return tagValues(q, tagPipeline)
	case monitor.PipelineBuilds:
		return tagValues(q, tagBuild)
	default:
		return sessionHashes(q)
	}
}

func componentNames(q monitor.NameQuery) clause {
	var where clause
	where.prefix("name", q.Prefix)
	if q.Project != "" {
		where.and("project = ?", q.Project)
	}
	if q.NonEmpty {
		where.and("name <> ''")
	}
	return newClause("SELECT name FROM components WHERE "+where.sql, where.args...)
}

func tagValues(q monitor.NameQuery, tag string) clause {
	where := newClause("name = ? AND value > ''", tag)
	where.prefix("value", q.Prefix)
	if sub, all := namedSessions(q); !all {
		where.in("session", sub)
	}
	return newClause("SELECT value AS name FROM tags WHERE "+where.sql, where.args...)
}

func sessionHashes(q monitor.NameQuery) clause {
	where := newClause("h > ''")
	where.prefix("h", q.Prefix)
	sub, _ := namedSessions(q)
	where.in("id", sub)
	return newClause("SELECT h AS name FROM hashes WHERE "+where.sql, where.args...)
}

// namedSessions returns the query for the hashes of the sessions that names are wanted of; all says that it is every
// session.
func namedSessions(q monitor.NameQuery) (sub clause, all bool) {
	var where clause
	if q.Project != "" {
		where.and("project = ?", q.Project)
	}
	if q.Component != nil {
		where.and(`hash IN (SELECT session FROM tallies WHERE component IN (SELECT id FROM components WHERE name = ?))`,
			*q.Component)
	}
	for _, t := range []struct{ name, value string }{{tagPipeline, q.Pipeline}, {tagBuild, q.Build}} {
		if t.value != "" {
			where.and("hash IN (SELECT session FROM tags WHERE name = ? AND value = ?)", t.name, t.value)
		}
	}
	sub = newClause("SELECT hash FROM sessions")
	sub.join(where.where())
	return sub, where.sql == ""
}
