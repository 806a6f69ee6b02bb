package web

import (
	"context"
	"math"
	"slices"

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

// since returns the commits of a finding in short.
func (f *frame) since(of *finding) string { return of.Commits(f.words.Commit) }

// findingsOf returns one row for each test of some results.
func findingsOf(results []monitor.Result) (all []*finding) {
	byTest := map[monitor.TestID]*finding{}
	for _, r := range results {
		if known := byTest[r.TestID]; known != nil {
			if r.Status == known.Status {
				known.Also = append(known.Also, metricTitle(r.Metric))
			}
			continue
		}
		f := &finding{Result: r, Title: metricTitle(r.Metric)}
		if d := r.Drift; d != nil { // the moving baseline tells nothing of it
			f.Baseline, f.Value, f.Ratio, f.Limit, f.Runs = d.First, d.Now, d.Ratio, monitor.Number(math.NaN()), d.Runs
		}
		byTest[r.TestID] = f
		all = append(all, f)
	}
	return all
}

// growing has the slow growth of a branch, as the last reports say it on each class of machine.
type growing struct {
	Drifts []*finding          `json:"drifts"`
	Parts  []monitor.PartDrift `json:"parts"` // of the suite, components and folders
	Growth []string            `json:"-"`     // Parts in words
}

// growing returns slow growth for a page.
func (p *Pages) growing(ctx context.Context, list *monitor.DriftList) (g growing, err error) {
	envs := map[string]bool{}
	for _, r := range list.Results {
		envs[r.Env] = true
	}
	for _, part := range list.Parts {
		envs[part.Env] = true
	}
	told := &monitor.Report{Results: list.Results, Parts: list.Parts}
	for env := range envs {
		told.Suite.Machines = append(told.Suite.Machines, monitor.Machine{Env: env})
	}
	g = growing{Drifts: findingsOf(list.Results), Parts: list.Parts, Growth: p.parts.Words.Growing(told)}
	return g, p.draw(ctx, list.Project, list.Branch, 0, g.Drifts)
}

// draw adds to findings what their links need, and to the first of them the last runs on a branch that started before a time, in
// UTC nanoseconds; 0 for all.
func (p *Pages) draw(ctx context.Context, project, branch string, before int64, all []*finding) error {
	q := monitor.RecentQuery{Branch: branch, Before: before}
	envs := map[string]bool{}
	for i, f := range all {
		envs[f.Env] = true
		f.Series = monitor.Series{Project: project, Component: f.Component, ItemPath: f.ItemPath, Item: f.Item, ItemVariant: f.ItemVariant, Kind: f.Kind}
		if i < maxFindings {
			q.Tests = append(q.Tests, f.Series)
		}
	}
	q.Limit = findingRuns * min(3, len(envs)) // a branch may have several classes of machine
	recent, err := p.parts.Store.RecentTests(ctx, q)
	for i := range recent {
		f, points := all[i], pointsOf(recent[i], all[i].Env)
		points = points[max(0, len(points)-findingRuns):]
		f.Trend = line{Usual: float64(f.Baseline), Limit: float64(f.Limit), Status: string(f.Status), Values: valuesOf(points, f.Metric)}
		if f.Baseline == 0 && f.Limit == 0 {
			f.Trend.Usual = math.NaN()
		}
		if at := slices.IndexFunc(points, func(p monitor.RecentPoint) bool { return f.FirstBad != "" && p.ScmRef == f.FirstBad }); at >= 0 {
			f.Runs = len(points) - at
		}
	}
	return err
}

// pointsOf returns the measurements of a test on a class of machine, oldest first.
func pointsOf(t monitor.RecentTest, env string) (points []monitor.RecentPoint) {
	for _, point := range slices.Backward(t.Points) {
		if point.Env == env {
			points = append(points, point)
		}
	}
	return points
}

func valuesOf(points []monitor.RecentPoint, metric string) []float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = monitor.JudgedValue(metric, p.TotalTime, p.CPUTime, p.MemUsage)
	}
	return values
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
