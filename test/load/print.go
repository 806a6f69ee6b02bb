package main

import (
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"

	"pymon-bridge/test/harness"
)

// print writes the table of a result.
func (r *result) print(out io.Writer, title string) {
	fmt.Fprintf(out, "\n## %s\n\n", title)
	rows := [][]string{{"requests of", "number", "p50", "p90", "p99", "p99.9", "max", "refused", "no answer", "not sent"}}
	var wrong []string
	r.tally.sort()
	for _, kind := range kinds {
		l := r.tally.kinds[kind]
		if l == nil {
			continue
		}
		row := []string{kind, number(len(l.all))}
		for _, part := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
			row = append(row, millis(l.percentile(part)))
		}
		rows = append(rows, append(row, number(l.refused), number(l.unanswered), number(l.late)))
		if l.example != "" {
			wrong = append(wrong, kind+": "+l.example)
		}
	}
	harness.PrintTable(out, rows)
	for _, w := range wrong {
		fmt.Fprintf(out, "%s\n", w)
	}
	fmt.Fprintf(out, "\nOf %s rows: %s accepted, %s refused, %s without an answer, %s not sent.\n", number(r.tally.due),
		number(r.fates[accepted]), number(r.fates[refused]), number(r.fates[unknown]), number(r.tally.missed))
	if k := r.kept; k != nil {
		fmt.Fprintf(out, "%s stored, %s delivered, %s lost, %s doubled.\nAt the end %s records were not delivered, the oldest for %s. "+
			"They were %s later.\n", number(k.stored), number(k.delivered), number(k.lost), number(k.doubled), number(r.behind),
			r.oldest.Round(time.Millisecond), r.settled.Round(time.Millisecond))
	}
	if r.course != nil {
		fmt.Fprintf(out, "CPU time of the bridge: %v. Commits: %s, %s on average.\n\n", r.cpu.Round(time.Second), number(r.commits), millis(r.commit))
		harness.PrintTable(out, r.course.rows())
		fmt.Fprintf(out, "\nMedians of each minute. Flat: the median of the last quarter is at most %.0f %% above that of the third one, "+
			"or 4 MiB or 100 more. Slower growth is not seen: judge the growth in an hour, and load longer.\n", 100*growthLimit)
	}
}

func number(n int) string { return humanize.Comma(int64(n)) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
