package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

type recoverCmd struct {
	dataFlags
	Into string `required:"" placeholder:"DIR" help:"New directory for the recovered file. It must not have a file of a bridge."`
	JSON bool   `name:"json" help:"Print one JSON object with what was saved."`
}

func (c *recoverCmd) Help() string {
	return `Examples:
  pymon-bridge recover --data /var/lib/pymon-bridge --into /var/lib/pymon-bridge-recovered
  pymon-bridge recover --into ./recovered --json

It saves what can be read of a damaged file, also where SQLite reads nothing: records with their numbers, reports, tokens, and
what is delivered. It changes nothing at --data, which a bridge may serve meanwhile. See "The file is damaged" in
docs/repair.md.`
}

// Validate checks the flags. A directory inside of --data would move away with it.
func (c *recoverCmd) Validate() error {
	data, err := os.Stat(c.Data)
	if err != nil {
		return nil // Run says what is missing
	}
	dir, err := filepath.Abs(c.Into)
	for ; err == nil; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && os.SameFile(info, data) {
			return fmt.Errorf("--into: expected a directory outside of --data %s, got %s", c.Data, c.Into)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return err
}

// Run recovers the file.
func (c *recoverCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	p := m.newProgress("Recovering", "pages", 0)
	r, err := sqlite.Recover(ctx, filepath.Join(c.Data, sqlite.FileName), filepath.Join(c.Into, sqlite.FileName), logger, p.to)
	p.end()
	if err != nil {
		return err
	}
	if c.JSON {
		return m.printJSON(r)
	}
	w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tSAVED\tDAMAGED")
	for _, k := range r.Kinds {
		fmt.Fprintf(w, "%s\t%s\t%s\n", k.Kind, humanize.Comma(k.Saved), humanize.Comma(k.Damaged))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "\nThe last number is %s. The new file has no record for %s of the numbers up to it: they are lost, or were deleted before.\n",
		humanize.Comma(int64(r.Last)), humanize.Comma(int64(r.Missing)))
	for _, note := range r.Notes {
		fmt.Fprintln(m.Stdout, report.Printable(note))
	}
	fmt.Fprintf(m.Stdout, "\nThe new file is %s. To use it, stop the bridge (below systemd its socket too), move %s away, and move %s to its place.\n",
		filepath.Join(c.Into, sqlite.FileName), c.Data, c.Into)
	return nil
}
