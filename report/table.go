package report

import (
	"fmt"
	"strings"

	"pymon-bridge/monitor"
)

// machineTable says how much slower everything was on each class of machine.
func machineTable(machines []monitor.Machine) section {
	return section{
		head: "\n| Machine | Slower than usual | Tests |\n|---|---|--:|\n",
		rows: len(machines),
		row: func(i int) string {
			m := machines[i]
			return row(code(m.Env, shortName), orUnknown(offsets(m.Offset)), fmt.Sprint(m.Tests))
		},
		what: "machines",
	}
}

// table returns the results of one status, with the columns that make sense for it.
func table(g group, l links, envs bool) section {
	head, rule, cells := "| Test | Measured | Usual | Now | Ratio | Since |", "|---|---|--:|--:|--:|---|", numberCells
	if !hasNumbers(g.results[0]) {
		head, rule, cells = "| Test | Measured | Why |", "|---|---|---|", reasonCells
	}
	if envs {
		head, rule = head+" Machine |", rule+"---|"
	}
	return section{
		head: "\n" + head + "\n" + rule + "\n",
		rows: len(g.results),
		row: func(i int) string {
			r := g.results[i]
			c := append([]string{l.wrap(l.test(r), code(testName(r), longName)), metricCell(r)}, cells(r)...)
			if envs {
				c = append(c, code(r.Env, shortName))
			}
			return row(c...)
		},
		what: g.many,
	}
}

// numberCells are the cells behind the test and the metric of a result with numbers.
func numberCells(r *monitor.Result) []string {
	usual, now, by := levels(r)
	change := ratio(by)
	if r.Status == monitor.StatusRegression {
		change = "**" + change + "**"
	}
	commits := ""
	if s := since(r); r.Drift != nil {
		commits = pace(r.Drift)
	} else if s != "" {
		commits = code(s, longName)
	}
	if who := acceptedBy(r, code); who != "" {
		commits = strings.TrimPrefix(commits+"; "+who, "; ")
	}
	if r.UsualAgain {
		commits = strings.TrimPrefix(commits+"; "+usualAgain, "; ")
	}
	return []string{amount(r.Metric, usual), amount(r.Metric, now), change, commits}
}

// reasonCells are the cells of a result without numbers.
func reasonCells(r *monitor.Result) []string {
	switch {
	case r.Reason != "":
		return []string{code(r.Reason, longName)}
	case r.Status == monitor.StatusLearning:
		return []string{count(r.N, "earlier run")}
	default:
		return []string{""}
	}
}

func metricCell(r *monitor.Result) string {
	if m, ok := judgedMetric(r.Metric); ok {
		return m.Title
	}
	return code(r.Metric, shortName)
}

func row(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// code returns a text from outside as code in Markdown, also inside a table. Where a character could end the code or
// the cell in some renderer, the code is HTML with entities, which are never syntax.
func code(s string, max int) string {
	s = show(s, max)
	switch {
	case s == "":
		return "(none)"
	case strings.TrimSpace(s) == s && !strings.ContainsAny(s, "`|\\"):
		return "`" + s + "`"
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range s {
		if r < 0x80 && r != ' ' && !isASCIIWord(r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}

// isASCIIWord says whether r is an ASCII letter or digit.
func isASCIIWord(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}
