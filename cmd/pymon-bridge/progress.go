package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// progress tells on standard error how far a long command is. A terminal gets a bar with the rate and the time left, which
// goes away at the end. A log gets a line every ten seconds, so a short command prints none.
type progress struct {
	bar      *progressbar.ProgressBar // nil before the first step, and in a log
	terminal bool

	w           io.Writer
	what, unit  string
	total, done int64 // total is 0 when nobody knows it
	now         func() time.Time
	began, told time.Time
}

// newProgress returns the progress of what, such as "Reading", in units such as "records". A total of 0 is unknown.
func (m *Main) newProgress(what, unit string, total int64) *progress {
	now := time.Now()
	return &progress{w: m.Stderr, terminal: isTerminal(m.Stderr), what: what, unit: unit, total: total, now: time.Now, began: now, told: now}
}

// to says how much is done, of a total that became known on the way.
func (p *progress) to(done, total int64) {
	p.total = total
	p.add(done - p.done)
}

// add counts n more units as done.
func (p *progress) add(n int64) {
	p.done += n
	if p.terminal {
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(cmp.Or(p.total, -1), progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription(p.what),
				progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(p.unit),
				progressbar.OptionSetPredictTime(p.total > 0), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionSetWidth(20), progressbar.OptionClearOnFinish())
		}
		_ = p.bar.Add64(n) // it fails when more is done than was expected, which harms nobody
		return
	}
	if now := p.now(); now.Sub(p.told) >= 10*time.Second {
		p.told = now
		fmt.Fprintln(p.w, p.line(now.Sub(p.began).Seconds()))
	}
}

// line returns the line of a log after the given time.
func (p *progress) line(seconds float64) string {
	rate := float64(p.done) / seconds
	line := p.what + ": " + humanize.Comma(p.done)
	if p.total > 0 {
		line += " of " + humanize.Comma(p.total)
	}
	line += fmt.Sprintf(" %s, %s a second", p.unit, humanize.Comma(int64(rate)))
	if left := p.total - p.done; left > 0 && rate > 0 {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
	}
	return line
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// isTerminal says whether a person sees what w gets.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
