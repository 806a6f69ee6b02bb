package httpd

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	linesEach = 20              // lines of one level in one logWindow
	logWindow = 5 * time.Second // after the first line
)

// lineLimiter passes the first lines of each level to a log. It counts the others, and logs their number at the end of the
// time window.
type lineLimiter struct {
	slog.Handler
	summary string

	mu    sync.Mutex
	lines map[slog.Level]int // in the current window; a level without lines has no window
}

// Limited returns a logger for lines that clients cause, so that nobody can fill the disk with them. It logs the first 20
// lines of a level, and five seconds later one line with the number of those left out. summary is the message of this line. A logger
// that [slog.Logger.With] makes from it has no limit.
func Limited(log *slog.Logger, summary string) *slog.Logger {
	return slog.New(&lineLimiter{Handler: log.Handler(), summary: summary, lines: map[slog.Level]int{}})
}

// Handle passes a line, or counts it.
func (l *lineLimiter) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	l.lines[r.Level]++
	n := l.lines[r.Level]
	l.mu.Unlock()
	if n == 1 {
		time.AfterFunc(logWindow, func() { l.endWindow(r.Level) })
	}
	if n > linesEach {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

func (l *lineLimiter) endWindow(level slog.Level) {
	l.mu.Lock()
	n := l.lines[level]
	delete(l.lines, level)
	l.mu.Unlock()
	if n > linesEach {
		slog.New(l.Handler).Log(context.Background(), level, l.summary, "count", n-linesEach)
	}
}
