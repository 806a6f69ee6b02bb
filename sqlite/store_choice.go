package sqlite

import (
	"context"
	"regexp"
	"strings"

	"pymon-bridge/monitor"
)

// choice is a query for metrics or outcomes in terms of the tables. Its clauses call the table m. A dictionary has few
// texts, so a condition on its texts becomes a subquery for its IDs. The indexes of the table have these IDs.
type choice struct {
	table           // the table that has the chosen rows
	series   clause // IDs of series; empty for all
	sessions clause // IDs of hashes of sessions; empty for all
	contexts clause // IDs of hashes of contexts; empty for all
	exact    clause // conditions on texts as sent, where the text of the series does not decide
	unusual  bool   // indexUnusual has all chosen rows
	index    string // the index that finds a part of a list soonest

	counted   clause // the same conditions on tallies, as y
	countable bool   // the tallies count the chosen rows
}

// chooser makes a choice from conditions on each dictionary.
type chooser struct {
	choice
	ofSeries, ofComponents, ofContexts, ofSessions clause

	joined bool // ofSessions needs the table sessions as s, besides hashes as h
}

// choose makes the choice of a query. It looks into the file to leave out conditions that make no difference.
func choose(ctx context.Context, q querier, from table, project string, where []monitor.Match) (*choice, error) {
	c := chooser{choice: choice{table: from, countable: true}}
	for _, m := range where {
		if err := c.match(ctx, q, m); err != nil {
			return nil, err
		}
	}
	if err := c.leaveOutRemoved(ctx, q); err != nil {
		return nil, err
	}
	if project == "" {
		gone := hiddenIn("1", "series")
		n, err := countOf(ctx, q, newClause("SELECT EXISTS ("+gone.sql+")", gone.args...))
		if err != nil {
			return nil, err
		}
		if n > 0 {
			c.ofSeries.seen("project", "")
		}
	} else {
		alone, err := onlyProject(ctx, q, project)
		if err != nil {
			return nil, err
		}
		if !alone {
			c.project(project)
		}
	}
	c.series = subquery("SELECT id FROM series", c.ofSeries)
	c.contexts = subquery("SELECT id FROM hashes", c.ofContexts)
	c.sessions = subquery("SELECT h.id FROM hashes h", c.ofSessions)
	if c.joined {
		c.sessions = subquery("SELECT h.id FROM hashes h JOIN sessions s ON s.hash = h.id", c.ofSessions)
	}
	c.tally()
	return &c.choice, c.resolveContexts(ctx, q)
}

// notRemoving is the condition that rows are of no run that is being removed.
const notRemoving = "m.session NOT IN (SELECT session FROM removing)"

// leaveOutRemoved leaves out the rows of a run that is being removed. Its sums are gone.
func (c *chooser) leaveOutRemoved(ctx context.Context, q querier) error {
	n, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM removing)"))
	if n > 0 {
		c.exact.and(notRemoving)
	}
	return err
}

func (c *chooser) match(ctx context.Context, q querier, m monitor.Match) error {
	switch m.Field {
	case monitor.FieldItem, monitor.FieldItemVariant:
		c.countable = false
		return c.text(ctx, q, m)
	case monitor.FieldKind:
		c.counted.match("y.kind", m.How, m.Text)
		return c.text(ctx, q, m)
	case monitor.FieldComponent:
		c.ofComponents.match("name", m.How, m.Text)
		return c.text(ctx, q, m)
	case monitor.FieldOutcome:
		c.outcome(m)
	case monitor.FieldContextH:
		c.ofContexts.match("h", m.How, m.Text)
	case monitor.FieldSessionH:
		c.ofSessions.match("h.h", m.How, m.Text)
	default:
		c.joined = true
		matchSession(&c.ofSessions, m)
	}
	return nil
}

// outcome adds a condition on the outcome.
func (c *chooser) outcome(m monitor.Match) {
	if c.table != outcomesTable {
		c.exact.and("FALSE")
		c.counted.and("FALSE")
		return
	}
	c.exact.match("m.outcome", m.How, m.Text)
	c.counted.match("y.outcome", m.How, m.Text)
	if m.How == monitor.Equals && m.Text != monitor.Passed && !c.unusual {
		c.unusual = true
		c.exact.and(isUnusual)
	}
}

// project adds a condition on the project. One dictionary is enough, since a metric has the same project as its series,
// session and context.
func (c *chooser) project(name string) {
	switch {
	case c.ofContexts.sql != "":
		c.ofContexts.and("project = ?", name)
	case c.ofSessions.sql != "":
		c.ofSessions.and("h.project = ?", name)
	default:
		c.ofSeries.and("project = ?", name)
		c.ofComponents.and("project = ?", name)
	}
}

// subquery returns a query with conditions. It returns an empty clause when there are no conditions.
func subquery(query string, where clause) clause {
	if where.sql == "" {
		return where
	}
	sub := newClause(query)
	sub.join(where.where())
	return sub
}

// tally adds the conditions on tallies, as y. The texts of tallies are as sent.
func (c *chooser) tally() {
	if sub := subquery("SELECT id FROM components", c.ofComponents); sub.sql != "" {
		c.counted.in("y.component", sub)
	}
	if c.sessions.sql != "" {
		c.counted.in("y.session", c.sessions)
	}
	if c.contexts.sql != "" {
		c.counted.in("y.context", c.contexts)
	}
}

// resolveContexts replaces the contexts by the sessions that have rows with these contexts, since no index of the table
// has contexts. Hardly any session has two contexts. Only for such a session the rows have to be checked, too.
func (c *choice) resolveContexts(ctx context.Context, q querier) error {
	if c.contexts.sql == "" {
		return nil
	}
	used := newClause("SELECT session FROM "+c.tallies+" WHERE context IN ("+c.contexts.sql+")", c.contexts.args...)
	mixed := newClause("SELECT EXISTS (SELECT 1 FROM "+c.tallies+" WHERE session IN ("+used.sql+")", used.args...)
	mixed.add(" AND context NOT IN ("+c.contexts.sql+"))", c.contexts.args...)
	n, err := countOf(ctx, q, mixed)
	if err != nil {
		return err
	}
	if n > 0 {
		c.exact.in("m.context", c.contexts)
	}
	if c.sessions.sql != "" {
		used.add(" AND session IN ("+c.sessions.sql+")", c.sessions.args...)
	}
	c.sessions = used
	return nil
}

// matchSession adds a condition on the sessions s.
func matchSession(where *clause, m monitor.Match) {
	var value clause
	switch m.Field {
	case monitor.FieldScmRef:
		where.match("s.scm_ref", m.How, m.Text)
		return
	case monitor.FieldRun:
		var run clause // an index has the run and the seq
		run.match("run", m.How, m.Text)
		where.in("s.seq", newClause("SELECT seq FROM sessions WHERE "+run.sql, run.args...))
		return
	case monitor.FieldPipeline:
		value.and("name = ?", monitor.TagPipelineBranch)
	default:
		value.and("name = ?", monitor.TagPipelineBuild)
	}
	value.match("value", m.How, m.Text)
	where.in("s.hash", newClause("SELECT session FROM tags WHERE "+value.sql, value.args...))
}

// onlyProject says whether all metrics belong to one project.
func onlyProject(ctx context.Context, q querier, project string) (bool, error) {
	n, err := countOf(ctx, q, newClause(`SELECT EXISTS (SELECT 1 FROM series WHERE project < ?1) OR
		EXISTS (SELECT 1 FROM series WHERE project > ?1)`, project))
	return n == 0, err
}

// seriesColumn returns the column of a field in the tables series and texts.
func seriesColumn(f monitor.Field) string {
	switch f {
	case monitor.FieldItem:
		return "item"
	case monitor.FieldItemVariant:
		return "item_variant"
	case monitor.FieldKind:
		return "kind"
	default:
		return "component"
	}
}

// replaced stands in the text of a series in place of an address: see [monitor.StableText].
const replaced = " at 0x…>"

// inAddress matches a part of a text that can overlap an address: it has digits after 0x, or begins with the rest of an
// address.
var inAddress = regexp.MustCompile(`0x[0-9A-Fa-f]|^x[0-9A-Fa-f]|^[0-9A-Fa-f]+(>|$)`)

// overlapsAddress says whether a part of a text can overlap an address, or a byte of the ellipsis that replaces the
// address. If it cannot, the text as sent contains the part exactly when the text of the series contains it.
func overlapsAddress(part string) bool {
	const ellipsis = "…"
	return part != "" && (strings.IndexByte(ellipsis[1:], part[0]) >= 0 || strings.IndexByte(part, ellipsis[0]) >= 0 ||
		inAddress.MatchString(part))
}

// text adds a condition on a text of the series. Where an address makes a difference, the condition on the series only
// finds candidates, and the text as sent decides.
func (c *chooser) text(ctx context.Context, q querier, m monitor.Match) error {
	name, stable := seriesColumn(m.Field), monitor.StableText(m.Text)
	differs := overlapsAddress(m.Text)
	if m.How == monitor.Equals {
		differs = strings.Contains(stable, replaced)
	}
	var matches, hasAddress clause
	matches.match(name, m.How, m.Text)
	hasAddress.match(name, monitor.Contains, replaced)
	if differs {
		n, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM series WHERE "+hasAddress.sql+")", hasAddress.args...))
		if err != nil {
			return err
		}
		differs = n > 0
	}
	switch {
	case !differs:
		c.ofSeries.and(matches.sql, matches.args...)
		return nil
	case m.How == monitor.Equals:
		c.ofSeries.and(name+" = ?", stable)
	default:
		matches.add(" OR ")
		matches.join(hasAddress)
		c.ofSeries.and("("+matches.sql+")", matches.args...)
	}
	exact := newClause("(m.series NOT IN (SELECT id FROM series WHERE "+hasAddress.sql+") OR ", hasAddress.args...)
	var sent clause
	sent.match("coalesce((SELECT t."+name+" FROM texts t WHERE t.seq = m.seq), (SELECT r."+name+
		" FROM series r WHERE r.id = m.series))", m.How, m.Text)
	exact.join(sent)
	c.exact.and(exact.sql+")", exact.args...)
	return nil
}
