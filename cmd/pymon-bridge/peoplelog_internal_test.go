package main

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// logOf returns what the log for people shows, without its own colours.
func logOf(t *testing.T, colour bool, write func(*slog.Logger)) string {
	t.Helper()
	var b bytes.Buffer
	write(slog.New(newPeopleLog(&b, slog.LevelInfo, colour)))
	text := b.String()
	for _, own := range []string{"\x1b[92m", "\x1b[2m", "\x1b[0m", "\x1b[22m"} {
		text = strings.ReplaceAll(text, own, "")
	}
	return text
}

// A client's text must not control the terminal of the operator, wherever in a record it is.
func TestThePeopleLogShowsOnlyWhatIsPrinted(t *testing.T) {
	t.Parallel()
	for _, odd := range []string{"\x1b]0;title\a", "\x1b[31m red", "a\n::error::x", "a \u202eb", "a\xffb", "a\u200b b", `\x1b[31m b`, "a ##[error]b"} {
		for _, colour := range []bool{false, true} {
			for name, write := range map[string]func(*slog.Logger){
				"a text":    func(l *slog.Logger) { l.Info("m", "key", odd) },
				"a message": func(l *slog.Logger) { l.Info(odd) },
				"an error":  func(l *slog.Logger) { l.Info("m", "error", errors.New(odd)) },
				"bytes":     func(l *slog.Logger) { l.Info("m", "key", []byte(odd)) },
				"a list":    func(l *slog.Logger) { l.Info("m", "key", []string{odd}) },
				"a group":   func(l *slog.Logger) { l.Info("m", slog.Group("g", "key", odd)) },
				"a commit":  func(l *slog.Logger) { l.Info("m", "commit", "01234"+odd) },
				"with":      func(l *slog.Logger) { l.With("key", odd).Info("m") },
				"in groups": func(l *slog.Logger) { l.With("key", odd).WithGroup("g").Info("m", "key", odd) },
			} {
				text := logOf(t, colour, write)
				assert.Equal(t, 1, strings.Count(text, "\n"), "%s %q: %q", name, odd, text)
				assert.NotContains(t, text, "\x1b", "%s %q", name, odd)
				for _, part := range []string{"\a", "\u202e", "\xff", "\u200b", "##["} {
					assert.NotContains(t, text, part, "%s %q", name, odd)
				}
			}
		}
	}
}

// Numbers are short, and small ones are not nothing.
func TestThePeopleLogRoundsNumbers(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		"key=12.3 ": 12.345, "key=1234 ": 1234.4, "key=0.00123 ": 0.0012345, "key=4.94e-324 ": math.SmallestNonzeroFloat64, "key=NaN ": math.NaN(),
		"key=1.234s ": 1234400 * time.Microsecond, "key=400µs ": 400 * time.Microsecond, "key=12µs ": 12345 * time.Nanosecond, "key=7ns ": 7 * time.Nanosecond,
	} {
		text := logOf(t, false, func(l *slog.Logger) { l.Info("m", "key", value, "end", 1) })
		assert.Contains(t, text, " "+want, "%v", value)
	}
}
