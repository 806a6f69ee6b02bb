package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// withFile opens the file of a data directory for do, beside a bridge that may serve it. It makes no new file, and
// fails beside an older bridge, which does not know these commands.
func withFile(ctx context.Context, data string, logger *slog.Logger, do func(db *sqlite.DB) error) error {
	path := filepath.Join(data, sqlite.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--data: expected the directory of a bridge, but %q has no %s", data, sqlite.FileName)
	}
	db := sqlite.New(path, monitor.Zones{Server: time.Local}, logger)
	if err := db.OpenShared(ctx); err != nil {
		return err
	}
	defer db.Close()
	if err := db.RequireCommands(ctx); err != nil {
		return err
	}
	return do(db)
}

// moment is a flag with a time: RFC 3339, a date, or how long ago it was, such as 7d or 12h.
type moment struct{ time.Time }

// UnmarshalText reads the flag.
func (t *moment) UnmarshalText(text []byte) error {
	s := string(text)
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, s); err == nil {
			t.Time = at
			return nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			t.Time = time.Now().AddDate(0, 0, -int(n))
			return nil
		}
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		t.Time = time.Now().Add(-ago)
		return nil
	}
	return fmt.Errorf("expected a time such as 2026-11-22T12:00:00Z, a date such as 2026-11-22, or how long ago, such as 7d or 12h; got %.40q", s)
}

// printJSON prints one object.
func printJSON(w io.Writer, object any) error {
	text, err := json.Marshal(object)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s\n", text)
	}
	return err
}

// count returns a number with a noun, such as "1 record" or "2 records".
func count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}

// oneLine shortens a text to one line of at most so many characters.
func oneLine(s string, most int) string {
	line := []rune(strings.Join(strings.Fields(s), " "))
	if len(line) > most {
		return string(line[:most-1]) + "…"
	}
	return string(line)
}
