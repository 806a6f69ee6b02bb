package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"pymon-bridge/test/harness"
)

// print writes the tables of our schema.
func (r *results) print(out io.Writer, c config) {
	n := r.counts
	fmt.Fprintf(out, "%d processors, %s. Seed %d: %d days, %d tests.\n\n## What there is\n\n", runtime.NumCPU(), runtime.Version(), c.seed, c.days, c.tests)
	harness.PrintTable(out, [][]string{{"what", "number"},
		{"runs", number(n.runs)}, {"sessions", number(n.sessions)}, {"measured tests", number(n.metrics)}, {"outcomes", number(n.outcomes)},
		{"names of tests", number(len(n.tests))}, {"classes of machine", number(len(n.classes))}, {"tests on classes", number(len(n.series))},
		{"host names", number(len(n.hosts))}, {"contexts", number(len(n.contexts))}, {"branches", number(len(n.branches))}, {"commits", number(len(n.commits))}})
	fmt.Fprintf(out, "\n## The bridge\n\n")
	harness.PrintTable(out, slices.Concat([][]string{{"what", "measured"},
		{"file", sizeText(r.file)}, {"file, for a measured test", fmt.Sprintf("%d B", r.file/int64(n.metrics))}, {"log", sizeText(r.log)},
		{"memory after everything", r.bridge.String()}, {"memory after a start and the reads", r.started.String()},
		{"to accept everything", seconds(r.fed)}, {"to deliver and judge it", seconds(r.settled)}, {"CPU time for that", seconds(r.cpu)},
		{"to start", seconds(r.starts)}}, timesOf(r.reads)))
	fmt.Fprintf(out, "\n## InfluxDB\n\n")
	r.influx.print(out, n)
	for i, s := range r.spans {
		fmt.Fprintf(out, "\n## Dashboards over %s\n\n", s.title)
		rows := [][]string{{"dashboard", "queries", "all, one by one", "the slowest", "which", "not answered"}}
		for _, b := range r.boards[i] {
			rows = append(rows, []string{b.title, number(b.queries), seconds(b.all), seconds(b.slowest), b.which, number(b.unanswered)})
		}
		harness.PrintTable(out, rows)
		for _, b := range r.boards[i] {
			if b.firstProblem != nil {
				fmt.Fprintf(out, "%s: %v\n", b.title, b.firstProblem)
			}
		}
	}
}

// printNaive writes the tables of the other schema, beside ours.
func (r *results) printNaive(out io.Writer, ours *results) {
	fmt.Fprintf(out, "\n## The other schema: InfluxDB\n\n")
	r.influx.print(out, r.counts)
	fmt.Fprintf(out, "\nTo write it took %s.\n\n## Questions to both schemas\n\n", seconds(r.fed))
	rows, problems := [][]string{{"question"}}, error(nil)
	for _, q := range questions(r.counts) {
		rows = append(rows, []string{q.title})
	}
	for _, schema := range []struct {
		name string
		*results
	}{{"ours", ours}, {"the other", r}} {
		for s, span := range schema.spans {
			rows[0] = append(rows[0], schema.name+", "+span.title)
			for i, a := range schema.answers {
				rows[1+i] = append(rows[1+i], a.show(s))
				problems = errors.Join(problems, a.problem[s])
			}
		}
	}
	harness.PrintTable(out, rows)
	if problems != nil {
		fmt.Fprintln(out, problems)
	}
}

func (a answer) show(span int) string {
	if err := a.problem[span]; err != nil {
		return "none after " + seconds(a.took[span])
	}
	return seconds(a.took[span])
}

func (s storage) print(out io.Writer, n *counts) {
	rows := [][]string{{"what", "measured"}}
	series := 0
	for _, b := range s.buckets {
		for _, m := range slices.Sorted(maps.Keys(b.of)) {
			rows = append(rows, []string{"series of " + m, number(b.of[m])})
		}
		series += b.series
	}
	rows = append(rows, []string{"series", number(series)})
	for _, b := range s.buckets {
		rows = append(rows, []string{"bucket " + b.kind() + " on disk, compacted", sizeText(b.bytes)})
	}
	harness.PrintTable(out, append(rows,
		[]string{"disk for a measured test", fmt.Sprintf("%d B", s.bytes()/int64(n.metrics))},
		[]string{"memory after the last write", s.busy.String()}, []string{"memory after a start and the queries", s.calm.String()},
		[]string{"to start", seconds(s.start)}))
}

func timesOf(all []timed) (rows [][]string) {
	for _, t := range all {
		rows = append(rows, []string{t.what, seconds(t.took)})
	}
	return rows
}

func (m memory) String() string {
	if m.most == 0 {
		return "unknown on this system"
	}
	return sizeText(m.own) + ", at most " + sizeText(m.most) + " with mapped files"
}

func number(n int) string { return humanize.Comma(int64(n)) }

func sizeText(n int64) string { return humanize.IBytes(uint64(n)) }

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
