package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// shownProjects is how many projects fit on a screen with the rest.
const shownProjects = 12

func (s *statusResult) print(out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { printRow(w, name, fmt.Sprintf(format, args...)) }
	s.printBridge(line)
	for _, d := range s.Delivery {
		name := "delivered to"
		if d.Current {
			name = "delivers to"
		}
		line(name, "%s", d.Dest)
		waiting := count(d.Waiting, "record") + " waiting"
		if d.Waiting > 0 && !d.Oldest.IsZero() {
			waiting += ", the oldest for " + age(now.Sub(d.Oldest))
		}
		line("", "%s; %s", waiting, count(d.DeadLetters, "dead letter"))
		for _, u := range d.Undeleted {
			line("", "may still have points of project %s, which was removed at %s", u.Project, timeOrNever(u.Removed))
		}
	}
	free := "unknown"
	if s.Free >= 0 {
		free = humanize.IBytes(uint64(s.Free))
	}
	line("file", "%s, and %s of log; %s free on the disk", humanize.IBytes(uint64(s.FileBytes)), humanize.IBytes(uint64(s.LogBytes)), free)
	tokens := count(int64(s.Tokens), "token")
	if !s.Expires.IsZero() {
		tokens += ", the next expires in " + age(s.Expires.Sub(now))
	}
	line("tokens", "%s", tokens)
	if err := w.Flush(); err != nil {
		return err
	}
	return s.printRest(out, now)
}

func (s *statusResult) printBridge(line func(name, format string, args ...any)) {
	line("directory", "%s", s.Data)
	b := s.Bridge
	if b == nil {
		if s.Damage != "" {
			line("served by", "process %d, which accepts nothing", s.server)
		} else if s.Served {
			line("served by", "process %d, which does not answer", s.server)
		} else {
			line("served by", "nobody")
		}
		return
	}
	line("served by", "process %d, version %s, since %s, at %s", b.PID, b.Version, timeOrNever(b.Since), b.URL)
	checked := "the file is being checked"
	if !b.Checked.IsZero() {
		checked = "the file passed its check at " + timeOrNever(b.Checked)
	}
	line("checked", "%s", checked)
	for _, h := range b.Health {
		sign := "[+]"
		if !h.OK {
			sign = "[-]"
		}
		line(h.Component, "%s %s", sign, oneLine(h.Detail, 300))
	}
	printRetention(b.Retention, line)
	if b.Destination == "" {
		line("delivery", "nowhere: without an InfluxDB the bridge only keeps results")
	}
}

func printRetention(r *monitor.RetentionStatus, line func(name, format string, args ...any)) {
	if r == nil {
		return
	}
	var all []string
	if r.Keep > 0 {
		all = append(all, "runs older than "+age(r.Keep)+" go")
	}
	if r.MaxBytes > 0 {
		all = append(all, "the file has at most "+humanize.IBytes(uint64(r.MaxBytes)))
	}
	line("retention", "%s; %s went so far, with %s", strings.Join(all, ", and "), count(r.Runs, "run"), count(r.Records, "record"))
	if r.Last.Waits != "" {
		line("", "no run goes now: %s", r.Last.Waits)
	} else if stay := staying(r.Last); len(stay) > 0 {
		line("", "old runs that stay: %s", strings.Join(stay, ", "))
	}
}

// printRest prints the projects, and what needs a person.
func (s *statusResult) printRest(out io.Writer, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(s.Projects) > 0 {
		fmt.Fprintln(w)
		printRow(w, "PROJECT", "LAST RUN", "TESTS", "SESSIONS TODAY", "SESSIONS", "RUN")
	}
	for _, p := range s.Projects[:min(len(s.Projects), shownProjects)] {
		printRow(w, p.Project, age(now.Sub(p.Started))+" ago", p.Tests, p.Today, p.Sessions, oneLine(p.LastRun, 40))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := len(s.Projects) - shownProjects; more > 0 {
		fmt.Fprintf(out, "… and %s\n", count(int64(more), "more project"))
	}
	if len(s.Attention) == 0 {
		_, err := fmt.Fprintln(out, "\nNothing needs you.")
		return err
	}
	fmt.Fprintln(out, "\nThis needs you:")
	for _, what := range s.Attention {
		if _, err := fmt.Fprintf(out, "  %s\n", report.Printable(what)); err != nil {
			return err
		}
	}
	return nil
}

// age returns a duration in its largest unit, such as "3 hours".
func age(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.of {
			return count(int64(d/unit.of), unit.name)
		}
	}
	return count(int64(max(d, 0)/time.Second), "second")
}
