package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"pymon-bridge/report"
)

type runsCmd struct {
	askFlags
	N int `short:"n" help:"How many runs to list." default:"20"`
}

func (*runsCmd) Help() string {
	return `
    pymon-bridge runs                                   # of pymon-bridge run
    pymon-bridge runs -n 100 --url https://pymon.example.org/p/shop
    pymon-bridge runs --json`
}

func (c *runsCmd) Validate() error { return positive(c.N) }

func positive(n int) error {
	if n < 1 {
		return errors.New("-n: expected 1 or more")
	}
	return nil
}

func (c *runsCmd) Run(ctx context.Context, m *Main) error {
	ctx, s, err := c.open(ctx, m)
	if err != nil {
		return err
	}
	runs, raw, err := s.runs(ctx, c.N)
	s.close()
	switch {
	case err != nil:
		return err
	case c.JSON:
		return m.printJSON(struct {
			Runs []json.RawMessage `json:"runs"`
		}{raw})
	}
	return report.WriteRuns(m.Stdout, runs, m.screen())
}

// screen says what standard output can show.
func (m *Main) screen() report.Screen {
	return report.Screen{Colour: m.coloured(m.Stdout), Width: widthOf(m.Stdout)}
}

// widthOf returns the number of columns of a terminal, 0 for anything else.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
