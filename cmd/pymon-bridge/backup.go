package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"

	"pymon-bridge/sqlite"
)

type backupCmd struct {
	dataFlags
	File  string `arg:"" help:"Name of the copy."`
	Force bool   `help:"Replace a file of this name."`
	JSON  bool   `name:"json" help:"Print one JSON object with the name and the size of the copy."`
}

func (c *backupCmd) Help() string {
	return `Examples:
  pymon-bridge backup /backup/pymon-monday.db
  pymon-bridge backup --data /var/lib/pymon-bridge --force /backup/pymon.db

The copy is the file as it is at one moment, also while a bridge serves it. Only its owner can read it.`
}

// Run copies the file.
func (c *backupCmd) Run(ctx context.Context, m *Main) error {
	if err := expectFile("FILE", c.File); err != nil {
		return err
	}
	p := m.newProgress("Copying", "pages", 0)
	err := sqlite.Backup(ctx, filepath.Join(c.Data, sqlite.FileName), c.File, c.Force, p.to)
	p.end()
	if err != nil {
		return err
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	if c.JSON {
		return m.printJSON(map[string]any{"file": c.File, "bytes": info.Size()})
	}
	_, err = fmt.Fprintf(m.Stdout, "%s has %s.\n", c.File, humanize.IBytes(uint64(info.Size())))
	return err
}
