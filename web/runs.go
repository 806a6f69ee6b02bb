package web

import (
	"context"
	"math"
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
	sums, err := p.parts.Store.RunSums(ctx, infos)
	if err != nil {
		return nil, err
	}
	rows := make([]*runRow, len(infos))
	for i, info := range infos {
		if rows[i], err = p.runRow(ctx, info, sums[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (p *Pages) runRow(ctx context.Context, info *monitor.RunInfo, sum *monitor.Run) (*runRow, error) {
	row := &runRow{ID: info.ID, ScmRef: info.ScmRef, Branch: info.Branch, Build: info.Build, Partial: info.Partial,
		Started: time.Unix(0, info.Started).UTC(), Took: float64(sum.Ended.UTC-sum.Started.UTC) / 1e9,
		Wall: monitor.Number(sum.TotalTime), CPU: monitor.Number(sum.UserTime + sum.KernelTime),
		Tests: info.Tests, Failed: info.Failed, Sessions: len(info.Sessions), Envs: info.Environments, Info: info}
	var err error
	if row.brief, row.version, err = p.brief(ctx, info.Project, info.ID); err != nil {
		return nil, err
	}
	if row.brief != nil {
		row.Status, row.Sentence = row.brief.status, row.brief.sentence
		return row, nil
	}
	activity, err := p.parts.Store.Activity(ctx, info.Project, info.ID)
	if err != nil {
		return nil, err
	}
	row.Status = p.unjudged(activity)
	return row, nil
}

// judgingTakes is how long a run without a report is said to be judged.
const judgingTakes = time.Minute

// unjudged returns the status of a run without a report.
func (p *Pages) unjudged(a *monitor.Activity) string {
	switch now := p.Now(); {
	case a.Running(now, p.Quiet):
		return running
	case now.Sub(a.Last) < p.Quiet+judgingTakes && a.Open > 0, now.Sub(a.Last) < judgingTakes:
		return judging
	}
	return string(monitor.StatusNotJudged)
}

// verdictOf returns what matters most about a report.
func verdictOf(r *monitor.Report) string {
	switch s := r.Summary; {
	case s.Regressions > 0:
		return string(monitor.StatusRegression)
	case r.Suite.Status == monitor.StatusSlowMachine, r.Suite.Status == monitor.StatusRegression:
		return string(monitor.StatusSlowMachine)
	case s.Suspects > 0:
		return string(monitor.StatusSuspect)
	case s.Drifts > 0, len(r.Suite.Drift) > 0:
		return string(monitor.StatusDrift)
	case s.OK+s.Improvements > 0:
		return string(monitor.StatusOK)
	case s.Learning > 0:
		return learning
	}
	return string(monitor.StatusNotJudged)
}

// regressed returns the number of tests with a status in a report. A test counts once, however many of its metrics have it.
func regressed(r *monitor.Report, status monitor.Status) int {
	tests := map[monitor.TestID]bool{}
	for i := range r.Results {
		if r.Results[i].Status == status {
			tests[r.Results[i].TestID] = true
		}
	}
	return len(tests)
}

// trend is a number over runs, with the last value in words.
type trend struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Note  string `json:"note"`
	Line  line   `json:"-"`
}

// trends returns what a suite costs over runs. The latest run comes first in rows.
func trends(rows []*runRow, w Words) []trend {
	if len(rows) == 0 {
		return nil
	}
	last := rows[0]
	usual := func(t trend, say func(v float64) string) trend {
		t.Line.Usual, t.Line.Limit = math.NaN(), math.NaN()
		if before := t.Line.Values[:len(t.Line.Values)-1]; len(before) > 0 {
			t.Note = "usually " + say(middle(append([]float64{}, before...)))
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
	seconds := func(v float64) string {
		if v >= 120 {
			return span(v)
		}
		return w.Amount(monitor.MetricTotalTime, v)
	}
	number := func(v float64) string { return thousands(int64(math.Round(v))) }
	all := []trend{
		usual(trend{Title: "Wall time", Value: seconds(float64(last.Wall)), Line: over(func(r *runRow) float64 { return float64(r.Wall) })}, seconds),
		usual(trend{Title: "CPU time", Value: seconds(float64(last.CPU)), Line: over(func(r *runRow) float64 { return float64(r.CPU) })}, seconds),
		usual(trend{Title: "Tests", Value: thousands(last.Tests), Line: over(func(r *runRow) float64 { return float64(r.Tests) })}, number),
	}
	offset := offsetOf(last)
	if math.IsNaN(offset) { // too few tests, or no report
		return all
	}
	machine := trend{Title: "CPU time beside usual", Value: w.Ratio(offset), Note: "the machine was as usual", Line: over(offsetOf)}
	machine.Line.Usual, machine.Line.Limit = math.NaN(), math.NaN()
	if last.brief.suite.Status == monitor.StatusSlowMachine {
		machine.Note, machine.Line.Status = "the machine was slow", string(monitor.StatusSuspect)
	}
	return append(all, machine)
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
