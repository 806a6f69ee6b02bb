package web

import (
	"context"
	"math"

	"pymon-bridge/monitor"
)

const (
	maxFindings = 20 // tests that have a sparkline
	findingRuns = 60 // runs of the sparkline
)

// finding is a test whose report shows a change, with all metrics that do.
type finding struct {
	monitor.Result                // of the metric that changed most
	Also           []string       `json:"also"` // titles of the other metrics with the same status
	Title          string         `json:"title"`
	Series         monitor.Series `json:"-"`
	Trend          line           `json:"-"`
	Runs           int            `json:"runs"` // from the change to the judged run; 0 when unknown
}

// Commits returns the commits between which the test changed, as `git log` takes them; "" when they are not known.
func (f *finding) Commits(words func(ref string) string) string {
	switch {
	case f.Drift != nil && f.Drift.Since.ScmRef != "":
		return words(f.Drift.Since.ScmRef)
	case f.FirstBad == "":
		return ""
	case f.LastGood == "" || f.LastGood == f.FirstBad:
		return words(f.FirstBad)
	}
	return words(f.LastGood) + ".." + words(f.FirstBad)
}

// Since returns the commits of a finding in short.
func (f *frame) Since(of *finding) string { return of.Commits(f.words.Commit) }

// findings returns one row for each test that the kept report on a run shows, with a status or with any.
func (p *Pages) findings(ctx context.Context, run *runRow, status monitor.Status) ([]*finding, error) {
	var all []*finding
	byTest := map[monitor.TestID]*finding{}
	for _, r := range run.Report.Results {
		if status != "" && r.Status != status {
			continue
		}
		if known := byTest[r.TestID]; known != nil {
			if r.Status == known.Status {
				known.Also = append(known.Also, metricTitle(r.Metric))
			}
			continue
		}
		f := &finding{Result: r, Title: metricTitle(r.Metric), Series: monitor.Series{Project: run.Info.Project,
			Component: r.Component, ItemPath: r.ItemPath, Item: r.Item, ItemVariant: r.ItemVariant, Kind: r.Kind}}
		if d := r.Drift; d != nil { // the moving baseline tells nothing of it
			f.Baseline, f.Value, f.Ratio, f.Limit, f.Runs = d.First, d.Now, d.Ratio, monitor.Number(math.NaN()), d.Runs
		}
		byTest[r.TestID] = f
		all = append(all, f)
	}
	for _, f := range all[:min(maxFindings, len(all))] {
		if err := p.addTrend(ctx, f, run); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addTrend adds the earlier measurements of a finding.
func (p *Pages) addTrend(ctx context.Context, f *finding, run *runRow) error {
	f.Trend = line{Usual: float64(f.Baseline), Limit: float64(f.Limit), Status: string(f.Status)}
	if f.Baseline == 0 && f.Limit == 0 {
		f.Trend.Usual = math.NaN()
	}
	points, err := p.parts.Store.TestHistory(ctx, monitor.TestQuery{Test: f.Series, Branch: &run.Branch, Limit: 3 * findingRuns})
	changed := false
	var values []float64
	for _, point := range points { // the latest first
		if point.Env != f.Env || point.Start > run.Started.UnixNano()+int64(run.Took*1e9)+int64(1e9) || len(values) == findingRuns || point.Outcome != "" {
			continue
		}
		values = append(values, measured(point.RunTest, f.Metric))
		if !changed && f.FirstBad != "" {
			if f.Runs++; point.ScmRef == f.FirstBad {
				changed = true
			}
		}
	}
	if !changed && f.Drift == nil {
		f.Runs = 0
	}
	for i := len(values) - 1; i >= 0; i-- {
		f.Trend.Values = append(f.Trend.Values, values[i])
	}
	return err
}

// measured returns the value of a judged metric.
func measured(t monitor.RunTest, metric string) float64 {
	switch metric {
	case monitor.MetricCPUTime:
		return t.CPUTime
	case monitor.MetricMemUsage:
		return t.MemUsage
	}
	return t.TotalTime
}

// metricTitle returns what people call a judged metric.
func metricTitle(name string) string {
	for _, m := range monitor.JudgedMetrics {
		if m.Name == name {
			return m.Title
		}
	}
	return name
}
