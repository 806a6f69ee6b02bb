package sqlite

import (
	"context"
	"regexp"
	"strings"

	"pymon-bridge/monitor"
)

// choice is which metrics a query chooses, in terms of the tables. Conditions on the few texts of a dictionary are
// subqueries for its IDs, which the indexes of metrics hold; metrics are m.
type choice struct {
	series   clause // IDs of series; empty for all
	sessions clause // IDs of hashes of sessions; empty for all
	contexts clause // IDs of hashes of contexts; empty for all
	exact    clause // conditions on texts as sent, where the series does not tell them

	// What tells the same of tallies, as y.
	tallies   clause
	countable bool // the tallies tell how many there are
}

// chooser puts a choice together from conditions on each of the dictionaries.
type chooser struct {
	choice
	ofSeries, ofComponents, ofContexts, ofSessions clause

	joined bool // sessions are asked for more than their hash, as s beside h
}

// choose resolves a query. It asks what the file holds, to leave out conditions that cannot make a difference.
func choose(ctx context.Context, q querier, query monitor.MetricQuery) (*choice, error) {
	c := chooser{choice: choice{countable: true}}
	for _, m := range query.Where {
		if err := c.match(ctx, q, m); err != nil {
			return nil, err
		}
	}
	if query.Project != "" {
		alone, err := onlyProject(ctx, q, query.Project)
		if err != nil {
			return nil, err
		}
		if !alone {
			c.project(query.Project)
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

func (c *chooser) match(ctx context.Context, q querier, m monitor.Match) error {
	switch m.Field {
	case monitor.FieldItem, monitor.FieldItemVariant:
		c.countable = false
		return c.text(ctx, q, m)
	case monitor.FieldKind:
		c.tallies.match("y.kind", m.How, m.Text)
		return c.text(ctx, q, m)
	case monitor.FieldComponent:
		c.ofComponents.match("name", m.How, m.Text)
		return c.text(ctx, q, m)
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

// project adds the project to one of the conditions: a metric shares it with its series, session and context.
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

// subquery returns a query for what holds, or nothing when that is all.
func subquery(query string, where clause) clause {
	if where.sql == "" {
		return where
	}
	sub := newClause(query)
	sub.join(where.where())
	return sub
}

// tally states the conditions for tallies, which hold texts as sent.
func (c *chooser) tally() {
	if sub := subquery("SELECT id FROM components", c.ofComponents); sub.sql != "" {
		c.tallies.in("y.component", sub)
	}
	if c.sessions.sql != "" {
		c.tallies.in("y.session", c.sessions)
	}
	if c.contexts.sql != "" {
		c.tallies.in("y.context", c.contexts)
	}
}

// resolveContexts replaces the contexts, which no index of metrics holds, by the sessions that they were used in. These
// hardly ever have two; only then the rows of metrics have to be asked.
func (c *choice) resolveContexts(ctx context.Context, q querier) error {
	if c.contexts.sql == "" {
		return nil
	}
	used := newClause("SELECT session FROM tallies WHERE context IN ("+c.contexts.sql+")", c.contexts.args...)
	mixed := newClause("SELECT EXISTS (SELECT 1 FROM tallies WHERE session IN ("+used.sql+")", used.args...)
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
	case monitor.FieldPipeline:
		value.and("name = ?", tagPipeline)
	default:
		value.and("name = ?", tagBuild)
	}
	value.match("value", m.How, m.Text)
	where.in("s.hash", newClause("SELECT session FROM tags WHERE "+value.sql, value.args...))
}

// onlyProject says whether everything measured is of one project.
func onlyProject(ctx context.Context, q querier, project string) (bool, error) {
	n, err := countOf(ctx, q, newClause(`SELECT EXISTS (SELECT 1 FROM series WHERE project < ?1) OR
		EXISTS (SELECT 1 FROM series WHERE project > ?1)`, project))
	return n == 0, err
}

// column is the column of series and texts that a field looks at.
func column(f monitor.Field) string {
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

// replaced is what the text of a series has in it where texts as sent have addresses: see [monitor.StableText].
const replaced = " at 0x…>"

// inAddress finds what a part of a text can have in common with an address: digits behind 0x, or a beginning that is
// the rest of one.
var inAddress = regexp.MustCompile(`0x[0-9A-Fa-f]|^x[0-9A-Fa-f]|^[0-9A-Fa-f]+(>|$)`)

// overlapsAddress says whether a part of a text can lie across an address or across any byte of the ellipsis that
// replaces it. Where it cannot, the text as sent has it exactly if the text of the series has it.
func overlapsAddress(part string) bool {
	const ellipsis = "…"
	return part != "" && (strings.IndexByte(ellipsis[1:], part[0]) >= 0 || strings.IndexByte(part, ellipsis[0]) >= 0 ||
		inAddress.MatchString(part))
}

// text adds a condition on a text of the series. Where addresses make a difference, the series is only a candidate, and
// the text as sent decides.
func (c *chooser) text(ctx context.Context, q querier, m monitor.Match) error {
	name, stable := column(m.Field), monitor.StableText(m.Text)
	depends := overlapsAddress(m.Text)
	if m.How == monitor.Equals {
		depends = strings.Contains(stable, replaced)
	}
	var said, with clause
	said.match(name, m.How, m.Text)
	with.match(name, monitor.Contains, replaced)
	if depends {
		n, err := countOf(ctx, q, newClause("SELECT EXISTS (SELECT 1 FROM series WHERE "+with.sql+")", with.args...))
		if err != nil {
			return err
		}
		depends = n > 0
	}
	switch {
	case !depends:
		c.ofSeries.and(said.sql, said.args...)
		return nil
	case m.How == monitor.Equals:
		c.ofSeries.and(name+" = ?", stable)
	default:
		said.add(" OR ")
		said.join(with)
		c.ofSeries.and("("+said.sql+")", said.args...)
	}
	sent := newClause("(m.series NOT IN (SELECT id FROM series WHERE "+with.sql+") OR ", with.args...)
	var text clause
	text.match("coalesce((SELECT t."+name+" FROM texts t WHERE t.seq = m.seq), (SELECT r."+name+
		" FROM series r WHERE r.id = m.series))", m.How, m.Text)
	sent.join(text)
	c.exact.and(sent.sql+")", sent.args...)
	return nil
}
