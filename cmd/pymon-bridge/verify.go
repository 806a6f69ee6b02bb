package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"

	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

type verifyCmd struct {
	dataFlags
	File string `arg:"" optional:"" help:"A copy to verify, such as a backup, instead of the file in --data."`
	JSON bool   `name:"json" help:"Print one JSON object with what was found."`
}

func (c *verifyCmd) Help() string {
	return `Examples:
  pymon-bridge verify
  pymon-bridge verify --data /var/lib/pymon-bridge
  pymon-bridge verify --json /backup/pymon-monday.db

It reads everything: structure and indexes, each record, what is counted beside the records, and SQLite's log. It works on a
file that nobody serves, beside a bridge, and on a damaged file, and changes nothing. It exits with 1 when it finds something.`
}

// Run verifies the file, and fails when that finds something.
func (c *verifyCmd) Run(ctx context.Context, m *Main) error {
	if err := expectFile("FILE", c.File); err != nil {
		return err
	}
	path, data := c.File, filepath.Dir(c.File)
	if path == "" {
		path, data = filepath.Join(c.Data, sqlite.FileName), c.Data
	}
	p := m.newProgress("Reading", "records", 0)
	v, err := sqlite.Verify(ctx, path, p.to)
	p.end()
	if err != nil {
		return err
	}
	if c.JSON {
		err = m.printJSON(v)
	} else {
		printVerified(m, path, data, v)
	}
	if err == nil && len(v.Findings) > 0 {
		err = &exitError{status: 1}
	}
	return err
}

func printVerified(m *Main, path, data string, v *sqlite.Verification) {
	for _, note := range v.Notes {
		fmt.Fprintln(m.Stdout, report.Printable(note))
	}
	if len(v.Findings) == 0 {
		fmt.Fprintf(m.Stdout, "%s is sound: %s records were read. A bit that flipped inside a value cannot be seen.\n", path,
			humanize.Comma(v.Records))
		return
	}
	fmt.Fprintf(m.Stdout, "%s is damaged:\n", path)
	for _, finding := range v.Findings {
		fmt.Fprintf(m.Stdout, "  %s\n", report.Printable(strings.ReplaceAll(finding.String(), "\n", " ")))
	}
	fmt.Fprintf(m.Stdout, "%s records can be read.\n", humanize.Comma(v.Records))
	if filepath.Base(path) == sqlite.FileName {
		fmt.Fprintf(m.Stdout, "Save them into a new file: %s\n", sqlite.RecoverCommand(data))
	}
}
