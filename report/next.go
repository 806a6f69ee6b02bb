package report

import (
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// maxCommand is the longest command that is shown. People cannot check a longer one before they paste it.
const maxCommand = 500

// step is something to do about a report.
type step struct {
	says    string
	lines   []string // which tests it is about
	command string   // what to type for it, or ""
}

// nextSteps says what to do about a report, with the exact commands.
func nextSteps(r *monitor.Report, o Options) (steps []step) {
	s := r.Summary
	if s.Regressions > 0 && len(r.Results) > 0 {
		lasts := func(of monitor.Result) bool { return of.Status == monitor.StatusRegression && !of.UsualAgain }
		steps = append(steps, lookAt(&r.Results[max(0, slices.IndexFunc(r.Results, lasts))]))
	}
	if s.Suspects == 0 {
		return steps
	}
	return append(steps, runAgain(r, o))
}

// typed returns a step with a command that runs pytest, or without one where it is "".
func (o Options) typed(says, command string) step {
	if command != "" && o.TokenNote != "" {
		says += ", " + o.TokenNote
	}
	return step{says: says, command: command}
}

// writeSteps writes what to do, each command in a line of its own, so that it can be copied. item writes a line.
func writeSteps(title string, steps []step, item func(title, text string)) {
	for _, s := range steps {
		lines := s.lines
		if s.command != "" {
			lines = append(slices.Clone(lines), s.command)
		}
		if len(lines) > 0 {
			s.says += ":"
		}
		item(title, s.says)
		for _, line := range lines {
			item("", "  "+line)
		}
	}
}

// lookAt says where the cause of a regression is. A name of a commit that is no hash may be an option of git.
func lookAt(worst *monitor.Result) step {
	first := isHash(worst.FirstBad)
	switch {
	case worst.UsualAgain: // all are
		return step{says: "run the tests again: a second run at the usual values ends what was worse"}
	case worst.FirstBad != "" && worst.FirstBad == worst.LastGood:
		return step{says: "nothing was committed since: look at changes that are not committed, at dependencies and at the machine", command: "git diff HEAD"}
	case first && isHash(worst.LastGood):
		return step{says: "look at the commits", command: "git log " + since(worst)}
	case first && worst.LastGood == "":
		return step{says: "look at the commit", command: "git show " + since(worst)}
	}
	return step{says: "look at what has changed after the last good run"}
}

// runAgain says how the conspicuous tests are run once more: by name, by the file that has the names, or by their files.
func runAgain(r *monitor.Report, o Options) step {
	n := r.Summary.Suspects
	says := "run " + plural(n, "the suspect", "the suspects") + " again, which confirms or clears " + plural(n, "it", "them")
	arguments := Rerun(r)
	if arguments == nil {
		return step{says: says}
	}
	command := commandOf(o.Pytest, arguments...)
	if len(command) <= maxCommand {
		return o.typed(says, command)
	}
	if o.RerunFile != "" {
		return o.typed(says, commandOf(o.Pytest, "@"+o.RerunFile))
	}
	if files, all := testFiles(again(r)); all {
		if command := commandOf(o.Pytest, files...); command != "" && len(command) <= maxCommand {
			return o.typed(says+", with the other tests of their files", command)
		}
	}
	return step{says: says + ": --rerun-file FILE writes the arguments for pytest"}
}

// SendTo returns the words of a command that runs pytest, and sends what joins the history of the run of a report. Without the address of a
// bridge it sends nothing.
func SendTo(bridge string, r *monitor.Report) []string {
	if bridge == "" {
		return []string{"pytest"}
	}
	return append([]string{"pytest", "--remote-server", AddressOf(bridge, r)}, tagFlags(BranchTags(r))...)
}

// AddressOf returns the address of the project of a report at a bridge.
func AddressOf(bridge string, r *monitor.Report) string {
	if r.Project == monitor.DefaultProject {
		return bridge
	}
	return bridge + "/p/" + r.Project
}

// BranchTags returns the tag that puts another run on the branch of a report. There is none for a job, and for a name that cannot be shown.
func BranchTags(r *monitor.Report) []string {
	if r.Branch == "" || monitor.IsJob(r.Branch) || Printable(r.Branch) != r.Branch {
		return nil
	}
	return []string{"branch=" + r.Branch}
}

func tagFlags(tags []string) (words []string) {
	for _, tag := range tags {
		words = append(words, "--tag", tag)
	}
	return words
}

// commandOf returns a command that runs pytest with some arguments, as it is typed. It is "" where a part of it comes from
// outside and cannot be shown as it is: escaped it would be another command.
func commandOf(pytest []string, arguments ...string) string {
	if len(pytest) == 0 {
		pytest = []string{"pytest"}
	}
	words := slices.Concat(pytest, arguments)
	for i := range words {
		words[i] = ShellWord(words[i])
	}
	command := strings.Join(words, " ")
	if Printable(command) != command {
		return ""
	}
	return command
}

// ShellWord returns a text as one word of a POSIX shell.
func ShellWord(s string) string {
	const harmless = "_-./:=@%+,"
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !isASCIIWord(r) && !strings.ContainsRune(harmless, r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
