package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// deleteCmd removes a project.
type deleteCmd struct {
	dataFlags
	Project string `help:"The project to remove." placeholder:"NAME" required:""`
	Yes     bool   `help:"Do not ask."`
	JSON    bool   `name:"json" help:"Print one JSON object."`
	influxFlags
}

// Help has the examples, which --help prints first.
func (deleteCmd) Help() string {
	return `Examples:

  pymon-bridge delete --project webshop
  pymon-bridge delete --project webshop --yes --json

It removes the records, reports and tokens of the project from the file, and its points from both buckets of InfluxDB. The
bridge that serves the directory does this with its own InfluxDB, beside new results. If no bridge serves it, the command
does it, and the flags and variables of InfluxDB name the buckets. You cannot undo it.`
}

// Validate checks the flags. The parser calls it.
func (c *deleteCmd) Validate() error {
	if !monitor.ValidProject(c.Project) {
		return fmt.Errorf("--project: expected 1 to 64 letters, digits, dots, underscores or hyphens, got %q", c.Project)
	}
	return c.influxFlags.validate()
}

// deleteResult is what the command prints as JSON.
type deleteResult struct {
	Project string `json:"project"`
	monitor.DeletionState
	Left []string `json:"left"` // destinations of the file that may still have points
}

// Run removes the project, after saying how much that is, and asking.
func (c *deleteCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	var id int64
	served := false
	result := deleteResult{Project: c.Project}
	path := filepath.Join(c.Data, sqlite.FileName)
	err := withFile(ctx, c.Data, logger, func(db *sqlite.DB) error {
		size, err := db.SizeOf(ctx, c.Project)
		if err != nil {
			return fmt.Errorf("count what the file has: %w", err)
		}
		if result.Left, err = db.DeliveredTo(ctx); err != nil {
			return fmt.Errorf("read where the file was delivered to: %w", err)
		}
		tokens, err := db.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		if err := c.ask(m, size, places(result.Left, db.Served() || c.URL != "")+c.lastToken(tokens.Valid)); err != nil {
			return err
		}
		if id, err = db.AddDeletion(ctx, c.Project); err != nil {
			return fmt.Errorf("ask for the removal: %w", err)
		}
		if served = db.Served(); !served {
			return nil
		}
		result.DeletionState, err = m.awaitDeletion(ctx, db, id)
		return err
	})
	if err == nil && !served {
		result.DeletionState, err = c.unserved(ctx, id, path, logger)
	}
	if err != nil {
		return err
	}
	result.Left = slices.DeleteFunc(result.Left, func(dest string) bool { return slices.Contains(result.Cleared, dest) })
	return c.print(m, result)
}

// places says where points may be, and which of them stay.
func places(delivered []string, influx bool) string {
	text := " The file was delivered to " + strings.Join(delivered, " and ") + "."
	switch {
	case len(delivered) == 0:
		return ""
	case !influx:
		return text + " No InfluxDB is set, so points of the project stay there."
	case len(delivered) > 1:
		return text + " Points are deleted from the present InfluxDB only."
	}
	return text
}

// lastToken warns when nobody could use the bridge without the tokens of the project.
func (c *deleteCmd) lastToken(valid []monitor.Token) string {
	own := slices.ContainsFunc(valid, func(t monitor.Token) bool { return t.Project == c.Project })
	if !own || slices.ContainsFunc(valid, func(t monitor.Token) bool { return t.Project != c.Project && t.Expires.IsZero() }) {
		return ""
	}
	return " It has the last token that stays valid: after this nobody can use the bridge until you add one."
}

// ask says how much the file has, and what to know before, and asks.
func (c *deleteCmd) ask(m *Main, size monitor.ProjectSize, know string) error {
	has := fmt.Sprintf("The file has nothing of project %s; InfluxDB may have points.", c.Project)
	if size.Records()+size.Reports+size.Tokens > 0 {
		has = fmt.Sprintf("Project %s has %s, %s, %s, %s in %s, %s and %s", c.Project, count(size.Metrics, "measurement"), count(size.Outcomes, "outcome"),
			count(size.Sessions, "session"), count(size.Contexts, "context"), count(size.Runs, "run"), count(size.Reports, "report"), count(size.Tokens, "token"))
		if !size.First.IsZero() {
			has += fmt.Sprintf(", from %s to %s", size.First.UTC().Format(time.DateOnly), size.Last.UTC().Format(time.DateOnly))
		}
		has += "."
	}
	fmt.Fprintln(m.Stderr, has+know)
	if !c.Yes && !m.confirm("Remove all of it, from InfluxDB too? This cannot be undone. [y/N] ") {
		return fmt.Errorf("nothing is removed: expected a yes, or --yes, to remove project %s", c.Project)
	}
	return nil
}

// awaitDeletion waits for the end of a deletion, and shows how far it is.
func (m *Main) awaitDeletion(ctx context.Context, db *sqlite.DB, id int64) (s monitor.DeletionState, err error) {
	err = m.await(ctx, db, "Looking through", "removing the project", func() (howFar, error) {
		s, err = db.DeletionState(ctx, id)
		return howFar{s.Began, s.Ended, s.Position, s.UpTo}, err
	})
	return s, err
}

// print says what was removed. It is an error when an InfluxDB still has points.
func (c *deleteCmd) print(m *Main, r deleteResult) error {
	s := r.DeletionState
	var err error
	if c.JSON {
		err = printJSON(m.Stdout, r)
	} else {
		fmt.Fprintf(m.Stdout, "Removed %s, %s and %s of project %s from the file.\n", count(s.Removed.Records(), "record"),
			count(s.Removed.Reports, "report"), count(s.Removed.Tokens, "token"), c.Project)
		switch {
		case s.Error != "":
		case len(s.Cleared) == 0:
			_, err = fmt.Fprintln(m.Stdout, "No InfluxDB is set, so none was asked to delete points.")
		default:
			_, err = fmt.Fprintf(m.Stdout, "Deleted its points from %s.\n", s.Cleared[0])
		}
	}
	switch {
	case err != nil:
	case s.Error != "":
		err = fmt.Errorf("InfluxDB still has points of project %s: repeat the command when this is solved: %s", c.Project, s.Error)
	case len(r.Left) > 0:
		err = fmt.Errorf("%s may still have points of project %s, since the file was delivered there: stop the bridge, and repeat the command "+
			"with the flags of that InfluxDB", strings.Join(r.Left, " and "), c.Project)
	}
	return err
}
