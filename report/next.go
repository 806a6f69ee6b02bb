package report

import (
	"strings"

	"pymon-bridge/monitor"
)

// maxCommand is the longest command that is shown. People cannot check a longer one before they paste it.
const maxCommand = 500

// step is something to do about a report. command is what to type for it, or "".
type step struct{ says, command string }

// nextSteps says what to do about a report, with the exact commands.
func nextSteps(r *monitor.Report, o Options) (steps []step) {
	s := r.Summary
	if s.Regressions > 0 && len(r.Results) > 0 {
		steps = append(steps, lookAt(&r.Results[0]))
	}
	if s.Suspects == 0 {
		return steps
	}
	says := "run " + plural(s.Suspects, "the suspect", "the suspects") + " again, which confirms or clears " + plural(s.Suspects, "it", "them")
	return append(steps, step{says, runAgain(r, o.Pytest)})
}

// writeSteps writes what to do, each command in a line of its own, so that it can be copied. item writes a line.
func writeSteps(steps []step, item func(title, text string)) {
	for _, s := range steps {
		if s.command == "" {
			item("next", s.says)
			continue
		}
		item("next", s.says+":")
		item("", "  "+s.command)
	}
}

// lookAt says where the cause of a regression is.
func lookAt(worst *monitor.Result) step {
	switch {
	case uncommitted(worst):
		return step{"nothing was committed since: look at the changes that are not committed", "git diff HEAD"}
	case worst.FirstBad != "" && worst.LastGood != "":
		return step{"look at the commits", "git log " + word(since(worst))}
	case worst.FirstBad != "":
		return step{"look at the commit", "git show " + word(since(worst))}
	}
	return step{"look at what has changed after the last good run", ""}
}

// runAgain returns the command that runs the conspicuous tests once more. It is "" where there is none.
func runAgain(r *monitor.Report, pytest []string) string {
	arguments := Rerun(r)
	if arguments == nil {
		return ""
	}
	if len(pytest) == 0 {
		pytest = []string{"pytest"}
	}
	words := make([]string, 0, len(pytest)+len(arguments))
	for _, argument := range append(append(words, pytest...), arguments...) {
		words = append(words, word(argument))
	}
	if command := strings.Join(words, " "); len(command) <= maxCommand {
		return command
	}
	return "pytest @again.txt  # with --rerun-file again.txt, which writes it"
}

// word returns a text as one word of a shell.
func word(s string) string {
	const harmless = "_-./:=@%+,"
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !isASCIIWord(r) && !strings.ContainsRune(harmless, r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
