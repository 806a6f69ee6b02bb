package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

type replayCmd struct {
	dataFlags
	Since    moment `help:"Only tests that started then or later: a time, a date, or how long ago, such as 7d." placeholder:"TIME"`
	Until    moment `help:"Only tests that started before." placeholder:"TIME"`
	Project  string `help:"Only this project." placeholder:"NAME"`
	Imported bool   `help:"Also what was imported from this InfluxDB. Without the flag it is left out, since InfluxDB had it."`
	waitFlags
}

// waitFlags are the flags of the commands that a serving bridge carries out.
type waitFlags struct {
	Wait bool `help:"Wait until it is done." default:"true" negatable:""`
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (replayCmd) Help() string {
	return `Examples:

  pymon-bridge replay                              # everything, for example after a bucket was deleted
  pymon-bridge replay --since 7d --project webshop
  pymon-bridge replay --since 2026-11-01 --until 2026-11-08T12:00:00Z

The bridge that serves the directory delivers again to its own InfluxDB, beside new results. If no bridge serves it, the next
one does. It sends what this InfluxDB got before, also its dead letters, with all contexts and sessions, and the reports of
the runs. To repeat it changes nothing: the same record is the same point.`
}

// Run asks the bridge for the replay, and says what became of it.
func (c *replayCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.Project != "" && !monitor.ValidProject(c.Project) {
		return fmt.Errorf("--project: expected 1 to 64 letters, digits, dots, underscores or hyphens, got %q", c.Project)
	}
	if !c.Until.IsZero() && !c.Since.Before(c.Until.Time) {
		return errors.New("--until: expected a time after --since")
	}
	return lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		if c.Project != "" {
			size, err := db.SizeOf(ctx, c.Project)
			if err != nil {
				return fmt.Errorf("count what the file has: %w", err)
			}
			if size.Records()+size.Reports == 0 {
				return fmt.Errorf("--project: expected a project that the file has, and it has nothing of %q", c.Project)
			}
		}
		return c.replay(ctx, m, db, monitor.Replay{Since: c.Since.Time, Until: c.Until.Time, Project: c.Project, Imported: c.Imported})
	})
}

// replayResult is what a replay or a retry prints as JSON.
type replayResult struct {
	ID     int64 `json:"id"`
	Served bool  `json:"served"`
	Done   bool  `json:"done"`
	monitor.ReplayState
}

// replay stores a replay, and waits for its end when a bridge serves the file.
func (c *waitFlags) replay(ctx context.Context, m *Main, db *sqlite.DB, r monitor.Replay) error {
	id, err := db.AddReplay(ctx, r)
	if err != nil {
		return fmt.Errorf("ask for the delivery: %w", err)
	}
	result := replayResult{ID: id, Served: db.Served()}
	if result.Served && c.Wait {
		if result.ReplayState, err = m.awaitReplay(ctx, db, id); err != nil {
			return err
		}
		result.Done = true
	}
	if c.JSON {
		err = m.printJSON(result)
	} else {
		err = m.printReplay(result)
	}
	switch s := result.ReplayState; {
	case err != nil:
		return err
	case s.Error != "":
		return fmt.Errorf("nothing more is delivered again: %s", s.Error)
	case s.Refused+s.StillDead+s.Incomplete > 0:
		return &exitError{status: 1}
	}
	return nil
}

// awaitReplay waits for the end of a replay, and shows how far it is.
func (m *Main) awaitReplay(ctx context.Context, db *sqlite.DB, id int64) (s monitor.ReplayState, err error) {
	err = m.await(ctx, db, "Delivering again", "delivering again", func() (howFar, error) {
		s, err = db.ReplayState(ctx, id)
		return howFar{s.Began, s.Ended, s.Position, s.UpTo}, err
	})
	return s, err
}

// printReplay says in sentences what became of a replay.
func (m *Main) printReplay(r replayResult) error {
	s := r.ReplayState
	switch {
	case !r.Served:
		_, err := fmt.Fprintln(m.Stdout, "No bridge serves this directory now. The next one that does delivers again, beside new results.")
		return err
	case !r.Done:
		_, err := fmt.Fprintln(m.Stdout, "The bridge delivers again, beside new results.")
		return err
	case s.Error != "":
		return nil
	}
	fmt.Fprintf(m.Stdout, "Delivered %s and %s again to %s.\n", count(s.Sent, "record"), count(s.SentReports, "report"), report.Printable(string(s.Dest)))
	for _, part := range []struct {
		n    int64
		said string
	}{
		{s.Refused, "delivered before, but refused now"},
		{s.StillDead, "refused again, and still dead letters"},
		{s.Unsent, "not sent, because InfluxDB would refuse them: " + numbers(s.UnsentSeqs, s.Unsent)},
		{s.SetAside, "not taken now; the bridge tries again"},
		{s.Incomplete, "left out, because the file has lost their context or session"},
	} {
		if part.n > 0 {
			fmt.Fprintf(m.Stdout, "%s: %s\n", count(part.n, "record"), part.said)
		}
	}
	for _, words := range slices.Sorted(maps.Keys(s.Reasons)) {
		fmt.Fprintf(m.Stdout, "  %d: %s\n", s.Reasons[words], oneLine(words, 200))
	}
	return nil
}

// numbers lists the first of n numbers.
func numbers(first []uint64, n int64) string {
	var all []string
	for _, number := range first {
		all = append(all, strconv.FormatUint(number, 10))
	}
	if n > int64(len(first)) {
		all = append(all, "…")
	}
	return strings.Join(all, ", ")
}
