package report

import (
	"fmt"
	"strings"

	"pymon-bridge/monitor"
)

// maxUses is how many limits people see.
const maxUses = 20

// overBudget says how many limits are exceeded. It is "" for none.
func overBudget(r *monitor.Report) string {
	if n := r.Over(); n > 0 {
		return count(n, "limit") + " of the budget" + plural(n, " is", " are") + " exceeded"
	}
	return ""
}

// kept says how much of the budget is used.
func kept(b *monitor.Budget) string {
	if b.Exceeded > 0 {
		return fmt.Sprintf("%d of %s exceeded", b.Exceeded, count(b.Limits, "limit"))
	}
	return count(b.Limits, "limit") + ", none exceeded"
}

// useOf says how much of a limit is used: "wall time 612 ms of 500 ms, 122 %".
func useOf(u *monitor.BudgetUse) string {
	return fmt.Sprintf("%s %s of %s, %s", metricName(u.Metric), amount(u.Metric, u.Value), amount(u.Metric, u.Limit), percent(u.Share))
}

// percent returns a share in percent. What exceeds a limit has more than 100 %, and what does not has no more.
func percent(share monitor.Number) string {
	if text := fmt.Sprintf("%.0f %%", 100*float64(share)); share <= 1 || text != "100 %" {
		return text
	}
	return "over 100 %"
}

// testOf names the test of a limit, or the total of its metric.
func testOf(u *monitor.BudgetUse, quote func(text string, max int) string) string {
	switch {
	case u.Test != "":
		return quote(u.Test, longName)
	case u.Metric == monitor.MetricMemUsage:
		return "the greatest process"
	default:
		return "all tests together"
	}
}

// budget writes how the tests keep to their limits.
func (t textWriter) budget(b *monitor.Budget) {
	if b == nil {
		return
	}
	colour := green
	if b.Exceeded > 0 {
		colour = red
	}
	t.paint(colour, "\nBUDGET")
	fmt.Fprintf(t, ": %s\n", kept(b))
	for i := range b.Uses {
		if i == maxUses {
			fmt.Fprintf(t, "  and %d more: the format json has them\n", len(b.Uses)-i)
			break
		}
		u := &b.Uses[i]
		v := verdict{"●", "", green}
		switch {
		case u.Exceeds():
			v = verdictOf(monitor.StatusRegression)
		case u.Share >= nearLimit:
			v = verdictOf(monitor.StatusSuspect)
		}
		fmt.Fprintf(t, "%s %s  %s of %s  %s  %s\n", t.painted(v.colour, v.sign), padRight(metricName(u.Metric), len("wall time")),
			padLeft(amount(u.Metric, u.Value), 8), padRight(amount(u.Metric, u.Limit), 8), t.painted(v.colour, padLeft(percent(u.Share), 6)), testOf(u, show))
	}
	for _, pattern := range b.Unmatched {
		fmt.Fprintf(t, "– no test matches %s\n", show(pattern, longName))
	}
}

// nearLimit is the share from which a limit that is kept is marked.
const nearLimit = 0.8

// budgetSections returns the table of a comment.
func budgetSections(b *monitor.Budget) (all []section) {
	if b == nil {
		return nil
	}
	s := section{
		head: "\n| Budget: " + kept(b) + " | Measured | Now | Limit | Used |\n|---|---|--:|--:|--:|\n",
		rows: len(b.Uses), what: "limits",
		row: func(i int) string {
			u := &b.Uses[i]
			share := percent(u.Share)
			if u.Exceeds() {
				share = "**" + share + "**"
			}
			return row(testOf(u, code), metricName(u.Metric), amount(u.Metric, u.Value), amount(u.Metric, u.Limit), share)
		},
	}
	for _, pattern := range b.Unmatched {
		s.tail += "\nNo test matches " + code(pattern, longName) + ".\n"
	}
	return append(all, s)
}

// budgetCases returns the test cases of the limits.
func budgetCases(b *monitor.Budget) (all []junitCase) {
	if b == nil {
		return nil
	}
	for i := range b.Uses {
		u := &b.Uses[i]
		c := junitCase{Class: junitClass + " budget", Name: testOf(u, show) + ": " + metricName(u.Metric)}
		if u.Exceeds() {
			c.Failure = &junitDetail{Type: "budget", Message: useOf(u)}
		} else {
			c.Out = useOf(u)
		}
		all = append(all, c)
	}
	for i, pattern := range b.Unmatched {
		all = append(all, junitCase{Class: junitClass + " budget", Name: fmt.Sprintf("pattern without a test (%d)", i+1),
			Skipped: &junitDetail{Type: "budget", Message: "no test matches " + show(pattern, longName)}})
	}
	return all
}

// annotateBudget adds an error for each exceeded limit, and a notice for each near one and each pattern without a test.
func annotateBudget(b *monitor.Budget, errors, notices *annotations) {
	if b == nil {
		return
	}
	for i := range b.Uses {
		u := &b.Uses[i]
		one := func(kind, what string) func() annotation {
			return func() annotation {
				file, _, _ := strings.Cut(u.Test, "::")
				return annotation{kind: kind, file: show(file, len(file)), title: what + ": " + useOf(u), message: testOf(u, show)}
			}
		}
		switch {
		case u.Exceeds():
			errors.add(one("error", "Over budget"))
		case u.Share >= nearLimit:
			notices.add(one("notice", "Near its budget"))
		}
	}
	for _, pattern := range b.Unmatched {
		notices.add(func() annotation {
			return annotation{kind: "notice", title: "Budget", message: "no test matches " + show(pattern, longName)}
		})
	}
}
