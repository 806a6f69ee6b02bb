package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// target opens where the records go.
func (c *importCmd) target(ctx context.Context, m *Main, logger *slog.Logger) (importTarget, error) {
	zone, err := c.zoneOf()
	if err != nil {
		return nil, err
	}
	if c.Project != "" && !monitor.ValidProject(c.Project) {
		return nil, errors.New("--project: expected 1 to 64 letters, digits, dots, underscores and hyphens")
	}
	if c.To != "" {
		return c.bridgeTarget(m)
	}
	t := &dataTarget{words: "of this machine, which is " + time.Now().Format("-07:00 now")}
	if zone != nil {
		t.words = zone.String()
	}
	data := c.Data
	if c.DryRun {
		if data, err = os.MkdirTemp("", "pymon-bridge-dry-run-"); err != nil {
			return nil, err
		}
		t.temporary = data
		err := sqlite.Backup(ctx, filepath.Join(c.Data, sqlite.FileName), filepath.Join(data, sqlite.FileName), false, func(int64, int64) {})
		if err != nil && monitor.ErrorCode(err) != monitor.ENotFound {
			return nil, errors.Join(err, t.close())
		}
	}
	t.db = newDB(data, logger)
	if c.DryRun {
		t.db.MinFree = 0
	}
	if err := t.db.Open(ctx); err != nil {
		if errors.Is(err, sqlite.ErrServed) {
			err = fmt.Errorf("--data: a bridge serves %s, so the file cannot be written: send the records to this bridge with --to URL, or stop it", c.Data)
		}
		t.db = nil
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// dataTarget is a file that no bridge serves.
type dataTarget struct {
	db        *sqlite.DB
	words     string // the time zone
	temporary string // the folder of a copy; "" for none
}

// batch is a compromise: a commit costs as much as some hundred records.
func (t *dataTarget) batch() int { return 5000 }

func (t *dataTarget) zone() string { return t.words }

func (t *dataTarget) add(ctx context.Context, recs []*monitor.Record, counts *importCounts) error {
	if err := t.db.Append(ctx, recs); err != nil {
		return err
	}
	for _, rec := range recs {
		counts.count(rec)
	}
	return nil
}

func (t *dataTarget) projectOf(ctx context.Context, sessionH, prefer string) (string, error) {
	return t.db.ProjectOf(ctx, monitor.ClassSession, sessionH, prefer)
}

func (t *dataTarget) close() (err error) {
	if t.db != nil {
		err = t.db.Close()
	}
	if t.temporary != "" {
		err = errors.Join(err, os.RemoveAll(t.temporary))
	}
	return err
}
