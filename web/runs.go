package web

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// runRow is a run as pages list it.
type runRow struct {
	ID       string         `json:"run"`
	Status   string         `json:"status"` // the verdict; running, or judging before there is one
	Sentence string         `json:"sentence"`
	ScmRef   string         `json:"scm_ref"`
	Branch   string         `json:"branch"`
	Build    string         `json:"build"`
	Partial  string         `json:"partial"`
	Started  time.Time      `json:"started"`
	Took     float64        `json:"took"` // seconds from the first session to the end of the last test
	Wall     monitor.Number `json:"total_time"`
	CPU      monitor.Number `json:"cpu_time"`
	Tests    int64          `json:"tests"`
	Failed   int64          `json:"failed"`
	Sessions int            `json:"sessions"`
	Envs     []string       `json:"environments"`

	Report *monitor.Report  `json:"-"` // see readReport
	Info   *monitor.RunInfo `json:"-"`

	brief   *brief // nil when no report is kept
	version int64  // of the report
}

// The statuses of runs without a report.
const (
	running  = "running"
	judging  = "judging"
	learning = string(monitor.StatusLearning)
)

// Age says how long ago the run started.
func (r *runRow) Age(now time.Time) string { return span(now.Sub(r.Started).Seconds()) }

// All is the number of tests, with those that failed and so have no measurement.
func (r *runRow) All() int64 { return r.Tests + r.Failed }

// Ago is Age in one unit, since nobody counts the seconds of a run that has ended.
func (r *runRow) Ago(now time.Time) string {
	age := now.Sub(r.Started)
	for _, unit := range []time.Duration{time.Hour, time.Minute} {
		if age >= unit && age < 48*time.Hour {
			return span(age.Truncate(unit).Seconds())
		}
	}
	return span(age.Seconds())
}

// runs returns runs with their sums and verdicts. The latest comes first.
func (p *Pages) runs(ctx context.Context, q monitor.RunInfoQuery) ([]*runRow, error) {
	infos, err := p.parts.Store.RunInfos(ctx, q)
	if err != nil {
		return nil, err
	}
	return p.runRows(ctx, infos)
}

// runRows returns runs of one project as pages list them. It asks about all of them together.
func (p *Pages) runRows(ctx context.Context, infos []*monitor.RunInfo) ([]*runRow, error) {
	if len(infos) == 0 {
		return nil, nil
	}
	project, ids := infos[0].Project, idsOf(infos)
	sums, err := p.parts.Store.RunSums(ctx, infos)
	if err != nil {
		return nil, err
	}
	versions, err := p.parts.Store.ReportVersions(ctx, project, ids)
	if err != nil {
		return nil, err
	}
	rows := make([]*runRow, len(infos))
	var unjudged []string
	for i, info := range infos {
		sum := sums[i]
		row := &runRow{ID: info.ID, ScmRef: info.ScmRef, Branch: info.Branch, Build: info.Build, Partial: info.Partial,
			Started: time.Unix(0, info.Started).UTC(), Took: float64(sum.Ended.UTC-sum.Started.UTC) / 1e9,
			Wall: monitor.Number(sum.TotalTime), CPU: monitor.Number(sum.UserTime + sum.KernelTime),
			Tests: info.Tests, Failed: info.Failed, Sessions: len(info.Sessions), Envs: info.Environments, Info: info}
		if row.brief, err = p.brief(ctx, project, info.ID, versions[info.ID]); err != nil {
			return nil, err
		}
		if row.brief != nil {
			row.version, row.Status, row.Sentence = versions[info.ID], row.brief.status, row.brief.sentence
		} else {
			unjudged = append(unjudged, info.ID)
		}
		rows[i] = row
	}
	activities, err := p.parts.Store.Activities(ctx, project, unjudged)
	for _, row := range rows {
		if row.brief == nil {
			row.Status = p.unjudged(activities[row.ID])
		}
	}
	return rows, err
}

func idsOf(infos []*monitor.RunInfo) []string {
	ids := make([]string, len(infos))
	for i, info := range infos {
		ids[i] = info.ID
	}
	return ids
}

// judgingTakes is how long a run without a report is said to be judged.
const judgingTakes = time.Minute

// unjudged returns the status of a run without a report. a is nil when the run was removed at this moment.
func (p *Pages) unjudged(a *monitor.Activity) string {
	switch now := p.Now(); {
	case a == nil:
		break
	case a.Running(now, p.Quiet):
		return running
	case now.Sub(a.Last) < p.Quiet+judgingTakes && a.Open > 0, now.Sub(a.Last) < judgingTakes:
		return judging
	}
	return string(monitor.StatusNotJudged)
}

// trend is a number over runs, with the last value in words.
type trend struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Note  string `json:"note"`
	Line  line   `json:"-"`
}

// trends returns what a suite costs over runs. The latest run comes first in rows.
func (p *Pages) trends(rows []*runRow) []trend {
	if len(rows) == 0 {
		return nil
	}
	last, w := rows[0], p.parts.Words
	usual := func(t trend, say func(v float64) string) trend {
		t.Line.Usual, t.Line.Limit = math.NaN(), math.NaN()
		if before := t.Line.Values[:len(t.Line.Values)-1]; len(before) > 0 {
			t.Note = "usually " + say(middle(slices.Clone(before)))
		} else {
			t.Note = "the first run"
		}
		return t
	}
	over := func(of func(r *runRow) float64) line {
		l := line{Values: make([]float64, 0, len(rows)), Status: string(monitor.StatusOK)}
		for i := len(rows) - 1; i >= 0; i-- {
			l.Values = append(l.Values, of(rows[i]))
		}
		return l
	}
	seconds := func(v float64) string { return spanOf(w, v) }
	number := func(v float64) string { return thousands(int64(math.Round(v))) }
	all := []trend{
		usual(trend{Title: "Wall time", Value: seconds(float64(last.Wall)), Line: over(func(r *runRow) float64 { return float64(r.Wall) })}, seconds),
		usual(trend{Title: "CPU time", Value: seconds(float64(last.CPU)), Line: over(func(r *runRow) float64 { return float64(r.CPU) })}, seconds),
		usual(trend{Title: "Tests", Value: thousands(last.All()), Line: over(func(r *runRow) float64 { return float64(r.All()) })}, number),
	}
	for i, metric := range []string{monitor.MetricTotalTime, monitor.MetricCPUTime} {
		p.band(&all[i].Line, "", metric)
	}
	offset := offsetOf(last)
	if math.IsNaN(offset) { // too few tests, or no report
		return all
	}
	machine := trend{Title: "CPU time beside usual", Value: w.Ratio(offset), Note: "the machine was as usual", Line: over(offsetOf)}
	machine.Line.Usual, machine.Line.Limit = math.NaN(), math.NaN()
	if last.brief.suite.Status == monitor.StatusSlowMachine {
		machine.Note, machine.Line.Status = "the machine was slow", string(monitor.StatusSuspect)
		if wall, ok := last.brief.suite.Offset[monitor.MetricTotalTime]; ok { // the CPU time may be as usual
			machine.Note += ": wall time " + w.Ratio(float64(wall))
		}
	}
	return append(all, machine)
}

// learned says how far a branch is from being judged, where the last of its runs only learned; the latest comes first. It is ""
// where there are runs enough, and only the tests are new.
func (p *Pages) learned(rows []*runRow) string {
	if len(rows) == 0 || rows[0].Status != learning {
		return ""
	}
	n, needed := 0, p.parts.Detector.RunsNeeded()
	for _, row := range rows {
		like := slices.ContainsFunc(row.Envs, func(env string) bool { return slices.Contains(rows[0].Envs, env) })
		if like && row.Partial == rows[0].Partial {
			n++
		}
	}
	if n > needed {
		return ""
	}
	return fmt.Sprintf("%d of %s until judging begins.", n, count(needed, "run"))
}

// band adds to a line what is usual by the values before the last one, if they are enough to say it.
func (p *Pages) band(l *line, env, metric string) {
	if before := len(l.Values) - 1; before >= leastUsual {
		_, l.Usual, l.Limit = p.parts.Detector.Usual(env, metric, l.Values[:before])
	}
}

// offsetOf returns how much slower a whole run was than its baseline, NaN when unknown.
func offsetOf(r *runRow) float64 {
	if r.brief != nil {
		if offset, ok := r.brief.suite.Offset[monitor.MetricCPUTime]; ok {
			return float64(offset)
		}
	}
	return math.NaN()
}
