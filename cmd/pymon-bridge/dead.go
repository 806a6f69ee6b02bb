package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

type deadCmd struct {
	List  deadListCmd  `cmd:"" help:"Count the dead letters by what InfluxDB says, and list the first ones."`
	Show  deadShowCmd  `cmd:"" help:"Show a record as it was sent, and InfluxDB's words."`
	Retry deadRetryCmd `cmd:"" help:"Deliver dead letters again, for example after a retention was lifted."`
	Drop  deadDropCmd  `cmd:"" help:"Remove dead letters. Their records stay in the file."`
}

// letterFlags choose dead letters.
type letterFlags struct {
	Class   string `help:"Only this kind: context, session, metric or outcome." enum:"context,session,metric,outcome," default:"" placeholder:"KIND"`
	Project string `help:"Only this project." placeholder:"NAME"`
	Reason  string `help:"Only those of which InfluxDB says this; a part of its words." placeholder:"TEXT"`
}

func (f letterFlags) query(seqs []uint64) monitor.LetterQuery {
	return monitor.LetterQuery{Seqs: seqs, Class: monitor.Class(f.Class), Project: f.Project, Reason: f.Reason}
}

// chosenFlags choose dead letters for a command that changes them. Nothing chosen is no choice.
type chosenFlags struct {
	Numbers []uint64 `arg:"" optional:"" name:"n" help:"Numbers of the records in 'dead list'."`
	All     bool     `help:"All dead letters."`
	letterFlags
}

func (f chosenFlags) choose() (monitor.LetterQuery, error) {
	q := f.query(f.Numbers)
	if chosen := len(f.Numbers) > 0 || f.letterFlags != (letterFlags{}); chosen == f.All {
		return q, errors.New("expected numbers, --class, --project or --reason, or else --all")
	}
	return q, nil
}

var errNoLetters = errors.New("no dead letter fits: 'pymon-bridge dead list' shows which there are")

func countLetters(ctx context.Context, db *sqlite.DB, q monitor.LetterQuery) (n int64, err error) {
	if err := db.EachLetter(ctx, q, func(monitor.Letter) error { n++; return nil }); err != nil {
		return 0, fmt.Errorf("count the dead letters: %w", err)
	}
	return n, nil
}

type deadShowCmd struct {
	dataFlags
	Number uint64 `arg:"" name:"n" help:"Number of the record in 'dead list'."`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

func (deadShowCmd) Help() string { return "Example:\n\n  pymon-bridge dead show 17" }

// Run prints the record and what each destination says of it.
func (c *deadShowCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	return lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		var letters []monitor.Letter
		err := db.EachLetter(ctx, monitor.LetterQuery{Seqs: []uint64{c.Number}}, func(l monitor.Letter) error {
			letters = append(letters, l)
			return nil
		})
		switch {
		case err != nil:
			return fmt.Errorf("read the dead letter: %w", err)
		case len(letters) == 0:
			return fmt.Errorf("number: expected one that 'dead list' shows, and %d is no dead letter", c.Number)
		}
		rec, err := db.Record(ctx, c.Number)
		if err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
		if c.JSON {
			return m.printJSON(shownLetter{c.Number, rec.Project, rec.Class(), sentJSON(rec), refusalsOf(letters)})
		}
		printLetter(m.Stdout, rec, letters)
		return nil
	})
}

// printLetter prints a record, and what each destination says of it.
func printLetter(out io.Writer, rec *monitor.Record, letters []monitor.Letter) {
	fmt.Fprintf(out, "Record %d: a %s of project %s, accepted at %s\n\n%s\n", letters[0].Seq, rec.Class(), report.Printable(rec.Project),
		timeOrNever(rec.Received), printableLines(indented(sentJSON(rec))))
	for _, l := range letters {
		fmt.Fprintf(out, "\n%s refused it at %s%s:\n%s\n", report.Printable(string(l.Dest)), timeOrNever(l.At), statusOf(l), printableLines(l.Reason))
	}
}

func statusOf(l monitor.Letter) string {
	if l.Status == 0 {
		return " before it was sent"
	}
	return fmt.Sprintf(" with status %d", l.Status)
}

// sentJSON is a record as a client sends it.
func sentJSON(rec *monitor.Record) []byte {
	switch {
	case rec.Context != nil:
		return wire.AppendContext(nil, rec.Context)
	case rec.Session != nil:
		return wire.AppendSession(nil, rec.Session)
	case rec.Outcome != nil:
		return wire.AppendOutcome(nil, rec.Outcome)
	default:
		return wire.AppendMetric(nil, rec.Metric)
	}
}

type deadRetryCmd struct {
	dataFlags
	chosenFlags
	waitFlags
}

func (deadRetryCmd) Help() string {
	return `Examples:

  pymon-bridge dead retry 17 18
  pymon-bridge dead retry --reason 'outside retention'
  pymon-bridge dead retry --all

The bridge that serves the directory delivers the dead letters of its own InfluxDB again, beside new results. If no bridge
serves it, the next one does. What is refused again stays a dead letter, with the new words.`
}

// Run asks the bridge for the delivery, and says what became of it.
func (c *deadRetryCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	letters, err := c.choose()
	if err != nil {
		return err
	}
	return lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		if n, err := countLetters(ctx, db, letters); err != nil || n == 0 && !c.All {
			return cmp.Or(err, errNoLetters)
		}
		return c.replay(ctx, m, db, monitor.Replay{Dead: &letters})
	})
}

type deadDropCmd struct {
	dataFlags
	chosenFlags
	Yes  bool `help:"Do not ask."`
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (deadDropCmd) Help() string {
	return `Examples:

  pymon-bridge dead drop 17 18
  pymon-bridge dead drop --project webshop --yes

The records stay in the file, so reads and reports still have them. InfluxDB never gets them, unless they are replayed.`
}

// Run removes the dead letters, after asking.
func (c *deadDropCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	letters, err := c.choose()
	if err != nil {
		return err
	}
	return lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		n, err := countLetters(ctx, db, letters)
		if err != nil || n == 0 && !c.All {
			return cmp.Or(err, errNoLetters)
		}
		if n > 0 && !c.Yes && !m.confirm("Remove %s? The records stay in the file. [y/N] ", count(n, "dead letter")) {
			return fmt.Errorf("nothing is removed: expected a yes, or --yes, to remove %s", count(n, "dead letter"))
		}
		n, err = db.DropLetters(ctx, letters)
		if err != nil {
			return fmt.Errorf("remove the dead letters: %w", err)
		}
		if c.JSON {
			return m.printJSON(map[string]int64{"dropped": n})
		}
		_, err = fmt.Fprintf(m.Stdout, "Removed %s. The records stay in the file.\n", count(n, "dead letter"))
		return err
	})
}
