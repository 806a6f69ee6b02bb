package main

import (
	"io"
	"os"
)

// coloured says whether what w gets is to have colours.
func (m *Main) coloured(w io.Writer) bool {
	if asked, decided := m.asksForColours(); decided {
		return asked
	}
	return isTerminal(w) && os.Getenv("TERM") != "dumb"
}

// colouredReport is [Main.coloured] for reports, which people read in the log of a job too. It shows colours, and comes from a
// pipe.
func (m *Main) colouredReport(w io.Writer) bool {
	_, decided := m.asksForColours()
	if !decided && (os.Getenv("GITHUB_ACTIONS") == "true" || os.Getenv("GITLAB_CI") == "true") {
		return !isFile(w)
	}
	return m.coloured(w)
}

// asksForColours says what a flag or a variable decides.
func (m *Main) asksForColours() (asked, decided bool) {
	switch force := os.Getenv("CLICOLOR_FORCE"); {
	case m.color == "always":
		return true, true
	case m.color == "never" || os.Getenv("NO_COLOR") != "":
		return false, true
	default:
		on := force != "" && force != "0"
		return on, on
	}
}

// isFile says whether w is a file on a disk.
func isFile(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}
