package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

type deleteCmd struct {
	dataFlags
	Project string `help:"The project to remove." placeholder:"NAME" required:""`
	Yes     bool   `help:"Do not ask."`
	Forget  bool   `help:"Forget that an InfluxDB which is not asked may still have points, for example because it does not exist any more."`
	JSON    bool   `name:"json" help:"Print one JSON object."`
	influxFlags
}

func (deleteCmd) Help() string {
	return `Examples:

  pymon-bridge delete --project webshop
  pymon-bridge delete --project webshop --yes --json

It removes the records, reports and tokens of the project from the file, and its points from both buckets of InfluxDB. The
bridge that serves the directory does this with its own InfluxDB, beside new results. If no bridge serves it, the command
does it, and the flags and variables of InfluxDB name the buckets. You cannot undo it.`
}

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
	Left   []monitor.Destination `json:"left"` // they may still have points
	served bool
}

// readLeft reads which destinations may still have points of the project. With --forget it forgets those that nobody asked.
func (c *deleteCmd) readLeft(ctx context.Context, db *sqlite.DB, result *deleteResult) error {
	all, err := db.Undeleted(ctx)
	for _, u := range all {
		if u.Project == c.Project {
			result.Left = append(result.Left, u.Dest)
		}
	}
	if err == nil && c.Forget {
		err = db.ForgetUndeleted(ctx, c.Project, result.Dest)
	}
	return err
}

// Run removes the project, after saying how much that is, and asking.
func (c *deleteCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	var id int64
	result := &deleteResult{Project: c.Project, Left: []monitor.Destination{}}
	err := lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		size, err := db.SizeOf(ctx, c.Project)
		if err != nil {
			return fmt.Errorf("count what the file has: %w", err)
		}
		delivered, err := db.DeliveredTo(ctx)
		if err != nil {
			return fmt.Errorf("read where the file was delivered to: %w", err)
		}
		tokens, err := db.Tokens(ctx)
		if err != nil {
			return fmt.Errorf("read the tokens: %w", err)
		}
		if err := c.ask(m, size, places(delivered, db.Served() || c.URL != "")+c.lastToken(tokens.Valid)); err != nil {
			return err
		}
		if id, err = db.AddDeletion(ctx, c.Project); err != nil {
			return fmt.Errorf("ask for the removal: %w", err)
		}
		if result.served = db.Served(); !result.served {
			return nil
		}
		if result.DeletionState, err = m.awaitDeletion(ctx, db, id); err != nil {
			return err
		}
		return c.readLeft(ctx, db, result)
	})
	if err == nil && !result.served {
		err = c.unserved(ctx, id, logger, result)
	}
	if err != nil {
		return err
	}
	return c.print(m, result)
}

// places says where points may be, and which of them stay.
func places(delivered []monitor.Destination, influx bool) string {
	text := " The file was delivered to " + joined(delivered) + "."
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
	if !areLast(valid, func(t monitor.Token) bool { return t.Project == c.Project }) {
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

// print says what was removed, and where points may still be. It is an error when this is where the bridge delivers.
func (c *deleteCmd) print(m *Main, r *deleteResult) error {
	former := slices.DeleteFunc(slices.Clone(r.Left), func(dest monitor.Destination) bool { return dest == r.Dest })
	if c.JSON {
		if err := m.printJSON(r); err != nil {
			return err
		}
	} else if err := c.printText(m, r, former); err != nil {
		return err
	}
	switch {
	case r.Error != "":
		return fmt.Errorf("%s still has points of project %s. The bridge that delivers there asks it again until it deletes them: %s", r.Dest,
			c.Project, r.Error)
	case r.Dest == "" && !r.served && len(former) > 0 && !c.Forget:
		return fmt.Errorf("%s may still have points of project %s. The bridge deletes them when it delivers there. Or repeat the command "+
			"with the flags of that InfluxDB, or with --forget", joined(former), c.Project)
	}
	return nil
}

func (c *deleteCmd) printText(m *Main, r *deleteResult, former []monitor.Destination) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Removed %s, %s and %s of project %s from the file.\n", count(r.Removed.Records(), "record"),
		count(r.Removed.Reports, "report"), count(r.Removed.Tokens, "token"), c.Project)
	switch {
	case r.Error != "":
	case r.Dest == "":
		text.WriteString("No InfluxDB is set, so none was asked to delete points.\n")
	default:
		fmt.Fprintf(&text, "Deleted its points from %s.\n", r.Dest)
	}
	switch {
	case len(former) == 0:
	case c.Forget:
		fmt.Fprintf(&text, "%s may still have points of it, which is forgotten now.\n", joined(former))
	case r.Dest != "" || r.served:
		fmt.Fprintf(&text, "%s may still have points of it: the file was delivered there, and the bridge delivers elsewhere now. A bridge that "+
			"delivers there again deletes them. If there is no such InfluxDB any more, repeat the command with --forget.\n", joined(former))
	}
	_, err := io.WriteString(m.Stdout, printableLines(text.String()))
	return err
}

func joined(all []monitor.Destination) string {
	var names []string
	for _, dest := range all {
		names = append(names, string(dest))
	}
	return strings.Join(names, " and ")
}
