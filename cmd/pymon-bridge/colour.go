package main

import (
	"io"
	"os"
)

// coloured says whether what w gets is to have colours.
func (m *Main) coloured(w io.Writer) bool {
	switch {
	case m.color == "always":
		return true
	case m.color == "never" || os.Getenv("NO_COLOR") != "":
		return false
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return true
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" || os.Getenv("GITLAB_CI") == "true" {
		return !isFile(w) // the log of a job shows colours, and comes from a pipe
	}
	return isTerminal(w) && os.Getenv("TERM") != "dumb"
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
