package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// importInfluxFlags are the flags of an import from InfluxDB.
type importInfluxFlags struct {
	FromInflux bool   `group:"InfluxDB" help:"Bring back what a lost file delivered to InfluxDB, into --data of a bridge that is stopped. The next import goes on where one was interrupted."`
	Since      moment `group:"InfluxDB" help:"With --from-influx: only tests that started at this time or later, such as 2026-01-31T12:00:00Z or 30d, and the sessions of seven days before it." placeholder:"TIME"`
	Until      moment `group:"InfluxDB" help:"With --from-influx: only tests that started before this time." placeholder:"TIME"`
	influxFlags
}

// sessionLead is how long before its first test that is brought back a session may have begun.
const sessionLead = 7 * 24 * time.Hour

// validateInflux checks the flags of an import from InfluxDB.
func (c *importCmd) validateInflux() error {
	switch {
	case !c.FromInflux && (!c.Since.IsZero() || !c.Until.IsZero()):
		return errors.New("--since and --until: expected --from-influx beside them")
	case !c.FromInflux:
		return nil
	case c.URL == "":
		return errors.New("--influx-url: expected the address of the InfluxDB to read from")
	case c.To != "" || c.DryRun:
		return errors.New("--from-influx: expected neither --to nor --dry-run beside it")
	case slices.ContainsFunc(c.Projects, func(name string) bool { return !monitor.ValidProject(name) }):
		return errors.New("--project: expected up to 64 letters, digits, dots, underscores and hyphens")
	case !c.Until.IsZero() && !c.Since.Before(c.Until.Time):
		return errors.New("--until: expected a time after --since")
	}
	return c.influxFlags.validate()
}

// fromInflux brings back what a lost file delivered to InfluxDB.
func (c *importCmd) fromInflux(ctx context.Context, m *Main, logger *slog.Logger) (err error) {
	reader, err := influx.NewReader(influx.Config{URL: c.URL, Token: c.importInfluxFlags.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket})
	if err != nil {
		return err
	}
	db := newDB(c.Data, logger)
	if err := db.Open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := &restorer{reader: reader, dataTarget: dataTarget{db: db}, partial: !c.Since.IsZero() || !c.Until.IsZero(), now: time.Now(),
		origins: map[originKey]foundOrigin{}, result: restored{reader.Destination(), newCounts(), map[string]*recordCounts{}}}
	projects := c.Projects
	if len(projects) == 0 {
		projects = []string{""} // all of them
	}
	for _, r.project = range projects {
		if err := c.restore(ctx, m, r); err != nil {
			return fmt.Errorf("%w; the same command goes on where this one ended", err)
		}
	}
	tokens, err := db.Tokens(ctx)
	if err != nil {
		return err
	}
	if err := r.result.print(m, c.JSON, !tokens.Had); err != nil {
		return err
	}
	if len(r.result.Skipped) > 0 {
		return &exitError{status: 1}
	}
	if len(r.missing) > 0 {
		return c.foundNothing(r.missing)
	}
	if r.partial || r.resumed {
		return nil
	}
	return reader.CheckMapping(r.result.read)
}

// foundNothing says where the command has found nothing of a project, since a name may be wrong.
func (c *importCmd) foundNothing(missing []string) error {
	var what strings.Builder
	if len(c.Projects) > 0 {
		what.WriteString(" of " + strings.Join(missing, ", "))
	}
	if !c.Since.IsZero() {
		what.WriteString(" since " + c.Since.text)
	}
	if !c.Until.IsZero() {
		what.WriteString(" until " + c.Until.text)
	}
	return fmt.Errorf("buckets %q and %q in organisation %q have nothing%s: expected what a bridge delivered; are --influx-url, --influx-org, the buckets "+
		"and --project as the bridge had them?", c.Bucket, c.MetaBucket, c.Org, what.String())
}

// restore reads the classes of a project one after the other, from the week on that an interrupted import came to.
func (c *importCmd) restore(ctx context.Context, m *Main, r *restorer) error {
	what := fmt.Sprintf("%s project=%s since=%s until=%s", r.reader.Destination(), r.project, c.Since.text, c.Until.text)
	position, err := r.db.ImportPosition(ctx, what)
	if err != nil {
		return err
	}
	r.resumed = r.resumed || position != ""
	reached, class := parsePosition(position)
	if class != "" && class != monitor.ClassContext {
		fmt.Fprintf(m.Stderr, "An import was interrupted. This one goes on with the %ss from %s on.\n", class, reached.UTC().Format(time.DateOnly))
	}
	queries := c.queries(r.project, class, reached)
	bar, err := r.progress(ctx, m, queries)
	if err != nil {
		return err
	}
	defer bar.end()
	for _, q := range queries {
		for part, err := range r.reader.Parts(ctx, q) {
			if err == nil {
				err = r.part(ctx, part, bar)
			}
			if err == nil {
				err = r.db.SetImportPosition(ctx, what, positionAt(q.Class, part.To))
			}
			if err != nil {
				return err
			}
		}
	}
	if position == "" && !r.result.has(r.project) {
		r.missing = append(r.missing, r.project)
	}
	return r.db.SetImportPosition(ctx, what, "")
}

// queries returns what to read of a project: the classes from one on, and of that one what is not before a time.
func (c *importCmd) queries(project string, first monitor.Class, reached time.Time) (all []influx.Query) {
	begun := first == ""
	for _, class := range influx.Classes {
		q := influx.Query{Class: class, Project: project, From: c.Since.Time, To: c.Until.Time}
		if class == monitor.ClassSession && !c.Since.IsZero() {
			q.From = c.Since.Add(-sessionLead)
		}
		if class == first {
			begun, q.From = true, reached
		}
		if begun {
			all = append(all, q)
		}
	}
	return all
}

// positionAt says that a class has been read up to a time.
func positionAt(class monitor.Class, to time.Time) string {
	return fmt.Sprintf("%s %s", class, to.UTC().Format(time.RFC3339Nano))
}

// parsePosition reads what positionAt wrote. Of what it cannot read nothing has been read.
func parsePosition(position string) (time.Time, monitor.Class) {
	var class, text string
	if n, _ := fmt.Sscan(position, &class, &text); n == 2 {
		if to, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return to, monitor.Class(class)
		}
	}
	return time.Time{}, ""
}
