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

// withFile is lookAt for a command that a bridge carries out. It fails beside an older bridge, which knows no such commands.
func withFile(ctx context.Context, data string, logger *slog.Logger, do func(db *sqlite.DB) error) error {
	return lookAt(ctx, data, logger, func(db *sqlite.DB) error {
		if err := db.RequireCommands(ctx); err != nil {
			return err
		}
		return do(db)
	})
}

// lookAt opens the file of a data directory for do, beside a bridge that may serve it. It makes no new file.
func lookAt(ctx context.Context, data string, logger *slog.Logger, do func(db *sqlite.DB) error) error {
	path := filepath.Join(data, sqlite.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--data: expected the directory of a bridge, but %q has no %s", data, sqlite.FileName)
	}
	db := sqlite.New(path, monitor.Zones{Server: time.Local}, logger)
	if err := db.OpenShared(ctx); err != nil {
		return explainAccess(err)
	}
	defer db.Close()
	return do(db)
}

// explainAccess says what to do when the system lets this user not use the file.
func explainAccess(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("run the command as the user of the bridge, who may write to the file: %w", err)
	}
	return err
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
