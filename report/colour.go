package report

import "pymon-bridge/monitor"

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

// painted returns a text in a colour.
func (t textWriter) painted(colour, text string) string {
	if !t.colour || colour == "" {
		return text
	}
	return colour + text + plain
}

// verdict is how a status is shown. The sign and the word say the same as the colour, for those who see no colours.
type verdict struct{ sign, word, colour string }

func verdictOf(s monitor.Status) verdict {
	switch s {
	case monitor.StatusRegression:
		return verdict{"▲", "regression", red}
	case monitor.StatusSuspect:
		return verdict{"◆", "suspect", yellow}
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
