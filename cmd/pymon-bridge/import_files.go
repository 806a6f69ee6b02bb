package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// importTarget is where imported records go.
type importTarget interface {
	// add stores records, and counts which are new and which were there before.
	add(ctx context.Context, recs []*monitor.Record, counts *importCounts) error
	// projectOf returns a project that has a session already, the preferred one if it is among them, "" for none.
	projectOf(ctx context.Context, sessionH, prefer string) (string, error)
	batch() int   // number of records that are stored at once
	zone() string // in words: that of times without one
	close() error
}

// recordCounts says how many records are new, how many were there before, and how many of these differ from what is there.
type recordCounts struct {
	New     map[monitor.Class]int64 `json:"new"`
	Repeats map[monitor.Class]int64 `json:"repeats"`
	Differ  map[monitor.Class]int64 `json:"differ"`
}

func newRecordCounts() recordCounts {
	return recordCounts{map[monitor.Class]int64{}, map[monitor.Class]int64{}, map[monitor.Class]int64{}}
}

func (c *recordCounts) count(rec *monitor.Record) {
	if rec.Repeat {
		c.Repeats[rec.Class()]++
	} else {
		c.New[rec.Class()]++
	}
	if rec.Differs {
		c.Differ[rec.Class()]++
	}
}

// importCounts is what became of the records of a file, and why some were skipped.
type importCounts struct {
	recordCounts
	Skipped map[string]int64 `json:"skipped"`
}

func newCounts() importCounts { return importCounts{newRecordCounts(), map[string]int64{}} }

// importedFile is what became of a file.
type importedFile struct {
	File string `json:"file"`
	Kind string `json:"kind"`
	Zone string `json:"timezone,omitempty"` // of times without one
	// AtMost says that what the file has twice is counted twice: a bridge that stores nothing cannot know it.
	AtMost bool `json:"at_most,omitempty"`
	importCounts
}

// importFiles imports the files of the command line. All are checked before the first record is stored.
func (c *importCmd) importFiles(ctx context.Context, m *Main, logger *slog.Logger) error {
	quiet := slog.New(slog.DiscardHandler)
	var sources []*sqlite.Source
	defer func() {
		for _, s := range sources {
			_ = s.Close() // only a copy may stay
		}
	}()
	for _, file := range c.Files {
		s, err := sqlite.OpenSource(ctx, file, quiet)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	target, err := c.target(ctx, m, logger)
	if err != nil {
		return err
	}
	sorters := make([]*sorter, len(sources))
	for i, s := range sources {
		if sorters[i], err = c.sorterOf(s, target); err != nil {
			return errors.Join(err, target.close())
		}
	}
	var results []*importedFile
	for i, s := range sources {
		var result *importedFile
		result, err = importFile(ctx, m, s, sorters[i])
		result.AtMost = c.DryRun && c.To != ""
		results = append(results, result)
		if err != nil {
			break
		}
	}
	if closeErr := target.close(); err == nil {
		err = closeErr
	}
	if printErr := c.printImport(m, results); err == nil {
		err = printErr
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("stopped")
	}
	if err != nil {
		return fmt.Errorf("%w; run the command again to import the rest, what is there already is not imported twice", err)
	}
	if dir, absErr := filepath.Abs(c.Data); absErr == nil && c.To == "" && !c.DryRun {
		m.say("the records are kept in %s", dir)
	}
	if slices.ContainsFunc(results, func(f *importedFile) bool { return len(f.Skipped) > 0 }) {
		return &exitError{status: 1}
	}
	return nil
}

// importFile imports one file. Another goroutine reads ahead.
func importFile(ctx context.Context, m *Main, s *sqlite.Source, sort *sorter) (*importedFile, error) {
	target := sort.target
	result := &importedFile{File: s.Path, Kind: "pytest-monitor", importCounts: newCounts()}
	if s.Bridge {
		result.Kind = "bridge"
	} else {
		result.Zone = target.zone()
	}
	progress := m.newProgress("Importing", "records", s.Records)
	defer progress.end()
	unread := map[string]int64{} // why, apart from what the target skips meanwhile
	err := readAhead(ctx, func(ctx context.Context, give func([]*monitor.Record) error) error {
		return s.Read(ctx, target.batch(), give, func(reason string) { unread[reason]++ })
	}, func(ctx context.Context, recs []*monitor.Record) error {
		n := len(recs)
		recs, err := sort.records(ctx, recs)
		if err == nil {
			err = addInParts(ctx, target, recs, &result.importCounts)
		}
		progress.add(int64(n))
		return err
	})
	if err == nil {
		err = addInParts(ctx, target, sort.rest(), &result.importCounts)
	}
	for reason, n := range unread {
		result.Skipped[reason] += n
	}
	return result, err
}

func addInParts(ctx context.Context, target importTarget, recs []*monitor.Record, counts *importCounts) error {
	for part := range slices.Chunk(recs, target.batch()) {
		if err := target.add(ctx, part, counts); err != nil {
			return err
		}
	}
	return nil
}

// zoneOf returns the zone of --timezone, nil without one.
func (c *importCmd) zoneOf() (*time.Location, error) {
	if c.Timezone == "" {
		return nil, nil
	}
	zone, err := monitor.ParseZone(c.Timezone)
	if err != nil {
		return nil, fmt.Errorf("--timezone: %w, got %q", err, c.Timezone)
	}
	return zone, nil
}

func (c *importCmd) printImport(m *Main, results []*importedFile) error {
	if c.JSON {
		return m.printJSON(struct {
			DryRun bool            `json:"dry_run"`
			Files  []*importedFile `json:"files"`
		}{c.DryRun, results})
	}
	for _, f := range results {
		if err := f.print(m.Stdout, c.DryRun); err != nil {
			return err
		}
	}
	return nil
}
