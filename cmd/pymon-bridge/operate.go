package main

import (
	"bufio"
	"context"
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
	"pymon-bridge/report"
	"pymon-bridge/sqlite"
)

// lookAt opens the file of a data directory for do, beside a bridge that may serve it. It makes no new file.
func lookAt(ctx context.Context, data string, logger *slog.Logger, do func(db *sqlite.DB) error) error {
	if _, err := os.Stat(filepath.Join(data, sqlite.FileName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--data: expected the directory of a bridge, but %q has no %s", data, sqlite.FileName)
	}
	return shareFile(ctx, data, logger, do)
}

// shareFile is lookAt for a command that may make a new file.
func shareFile(ctx context.Context, data string, logger *slog.Logger, do func(db *sqlite.DB) error) error {
	db := newDB(data, logger)
	if err := db.OpenShared(ctx); err != nil {
		return explainAccess(err)
	}
	defer db.Close() // what do has written is on the disk already
	return do(db)
}

// newDB returns the file of a data directory. It has to be opened.
func newDB(data string, logger *slog.Logger) *sqlite.DB {
	return sqlite.New(filepath.Join(data, sqlite.FileName), monitor.Zones{Server: time.Local}, logger)
}

// explainAccess says what to do when the system lets this user not use the file.
func explainAccess(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("run the command as the user of the bridge, who may write to the file: %w", err)
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

// printRow writes a row of a table. Nothing in its cells controls a terminal, or begins another cell.
func printRow(w io.Writer, cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = report.Printable(fmt.Sprint(cell))
	}
	fmt.Fprintln(w, strings.Join(texts, "\t"))
}

// oneLine makes a text one line of at most the given number of characters.
func oneLine(s string, most int) string {
	line := []rune(report.Printable(strings.Join(strings.Fields(s), " ")))
	if len(line) > most {
		return string(line[:most-1]) + "…"
	}
	return string(line)
}

// confirm asks the person at the terminal a question that "y" or "yes" confirms. Without a terminal the answer is no, since
// a script would wait for ever.
func (m *Main) confirm(question string, args ...any) bool {
	info, err := m.Stdin.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	fmt.Fprintf(m.Stderr, question, args...)
	answer, _ := bufio.NewReader(m.Stdin).ReadString('\n') // an answer that ends early is no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
