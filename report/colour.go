package report

import (
	"strings"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// The ANSI escapes that Text is coloured with. They leave the background alone and use the colours that every terminal has, so
// they can be read on light and on dark terminals.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	bold   = "\x1b[1m"
	faint  = "\x1b[2m"
	plain  = "\x1b[0m"
)

func (t textWriter) paint(colour, text string) { t.WriteString(t.painted(colour, text)) }

func (t textWriter) painted(colour, text string) string {
	if !t.colour || colour == "" {
		return text
	}
	return colour + text + plain
}

// wrapped returns a text in lines that fit behind an indent of so many characters. A text that begins with a space is typed or
// copied, and stays whole.
func (t textWriter) wrapped(text string, indent int) string {
	if t.width == 0 || strings.HasPrefix(text, " ") {
		return text
	}
	room, used := max(20, t.width-indent), 0
	var b strings.Builder
	for i, w := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(w)
		switch {
		case i == 0:
		case used+1+n > room:
			indent = max(2, indent) // no text from outside begins a line
			b.WriteString("\n" + strings.Repeat(" ", indent))
			room, used = max(20, t.width-indent), 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(w)
		used += n
	}
	return b.String()
}

// verdict is how a status is shown. The sign and the word say the same as the colour, for those who see no colours.
type verdict struct{ sign, word, colour string }

func verdictOf(s monitor.Status) verdict {
	switch s {
	case monitor.StatusRegression:
		return verdict{"▲", "regression", red}
	case monitor.StatusSuspect:
		return verdict{"◆", "suspect", yellow}
	case monitor.StatusSlowMachine:
		return verdict{"◷", "slow machine", yellow}
	case monitor.StatusDrift:
		return verdict{"↗", "slow growth", yellow}
	case monitor.StatusAccepted:
		return verdict{"△", "accepted", ""}
	case monitor.StatusImprovement:
		return verdict{"▼", "improvement", green}
	case monitor.StatusResolved:
		return verdict{"●", "resolved", green}
	case monitor.StatusOK:
		return verdict{"●", "ok", green}
	case monitor.StatusLearning:
		return verdict{"○", "learning", ""}
	default:
		return verdict{"–", "not judged", ""}
	}
}
