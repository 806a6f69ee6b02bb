package judge_test

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// fakeHistory has the runs of one project, oldest first, each with a sample on every class of machine it ran on.
type fakeHistory struct {
	runs   []*monitor.RunInfo
	envs   map[string][]string // by run
	err    error
	fail   error // of Samples
	asked  [][]string
	sorts  []monitor.Sort
	tests  map[string][]string // by run, the items that it measured; one that has no name where it is missing
	lasts  map[string]float64  // by run, nanoseconds that each test takes; 1 where it is missing. Runs begin each nanosecond
	waits  int64               // nanoseconds from the start of a run to its first test
	before func()              // called by Samples
}

func (h *fakeHistory) add(id, commit, branch string, envs ...string) {
	h.runs = append(h.runs, &monitor.RunInfo{Project: "p", ID: id, ScmRef: commit, Branch: branch, Started: int64(len(h.runs) + 1),
		Tests: int64(len(envs)), Environments: envs})
	if h.envs == nil {
		h.envs = map[string][]string{}
	}
	h.envs[id] = envs
}

// addImported adds a run of a file.
func (h *fakeHistory) addImported(id, commit, branch string, envs ...string) {
	h.add(id, commit, branch, envs...)
	h.runs[len(h.runs)-1].Imported = true
}

// RunInfos implements [monitor.HistoryStore].
func (h *fakeHistory) RunInfos(_ context.Context, q monitor.RunInfoQuery) (found []*monitor.RunInfo, err error) {
	for _, r := range slices.Backward(h.runs) {
		if r.Project == q.Project && (q.Run == "" || r.ID == q.Run) && (q.ScmRef == "" || r.ScmRef == q.ScmRef) &&
			(q.Branch == nil || r.Branch == *q.Branch) && (q.Before == 0 || r.Started < q.Before) && (!q.Live || !r.Imported) && (!q.Imported || r.Imported) && (!q.Measured || r.Measured()) && (!q.Whole || r.Completion != monitor.Partial || r.Whole || q.Like != "" && r.Partial == q.Like) &&
			(q.Limit == 0 || len(found) < q.Limit) {
			found = append(found, r)
		}
	}
	return found, h.err
}

// Samples implements [monitor.HistoryStore].
func (h *fakeHistory) Samples(_ context.Context, of monitor.Sort, runs []*monitor.RunInfo) iter.Seq2[monitor.Sample, error] {
	h.asked, h.sorts = append(h.asked, ids(runs)), append(h.sorts, of)
	return func(yield func(monitor.Sample, error) bool) {
		if h.before != nil {
			h.before()
		}
		for _, r := range runs {
			if r.Sort() != of {
				continue
			}
			seconds := cmp.Or(h.lasts[r.ID], 1) / 1e9
			for _, env := range h.envs[r.ID] {
				for _, session := range append(r.Sessions, "")[:max(1, len(r.Sessions))] {
					for _, item := range append(h.tests[r.ID], "")[:max(1, len(h.tests[r.ID]))] {
						if !yield(monitor.Sample{Run: r, Session: session, Env: env, Series: &monitor.Series{Item: item},
							Start: r.Started + h.waits, TotalTime: seconds, CPUTime: 1, MemUsage: 1}, nil) {
							return
						}
					}
				}
			}
		}
		if h.fail != nil {
			yield(monitor.Sample{}, h.fail)
		}
	}
}

func ids(runs []*monitor.RunInfo) (ids []string) {
	for _, r := range runs {
		ids = append(ids, r.ID)
	}
	return ids
}

// recorder is a detector that notes what it is given last. Its reports have the classes of machine of the run.
type recorder struct {
	comparison monitor.Comparison
	samples    int
}

// Judge implements [monitor.Detector].
func (d *recorder) Judge(c monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	n := 0
	for _, err := range samples {
		if err != nil {
			return nil, err
		}
		n++
	}
	d.comparison, d.samples = c, n
	r := &monitor.Report{Project: c.Judged().Project, Run: c.Judged().ID, BaselineRuns: len(c.Baseline)}
	for _, env := range c.Judged().Environments {
		r.Suite.Machines = append(r.Suite.Machines, monitor.Machine{Env: env, Status: monitor.StatusOK})
	}
	return r, nil
}

// detect is a detector that makes its report of the comparison alone.
type detect func(c monitor.Comparison) *monitor.Report

// Judge implements [monitor.Detector].
func (d detect) Judge(c monitor.Comparison, samples iter.Seq2[monitor.Sample, error]) (*monitor.Report, error) {
	for _, err := range samples {
		if err != nil {
			return nil, err
		}
	}
	return d(c), nil
}

// fakeReports keeps reports.
type fakeReports struct {
	mu       sync.Mutex
	kept     []string
	last     *monitor.Report // that was kept
	stored   []*monitor.Report
	around   []error // of ReportsAround, one for each time it is asked
	fails    int
	unjudged []*monitor.RunInfo
}

func (f *fakeReports) KeepReport(_ context.Context, r *monitor.Report) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		return monitor.Errorf(monitor.EFull, "the disk is full")
	}
	f.kept, f.last = append(f.kept, r.Run), r
	stored := *r
	stored.Results = slices.DeleteFunc(slices.Clone(r.Results), func(r monitor.Result) bool { return !r.Status.Notable() })
	f.stored = slices.DeleteFunc(f.stored, func(other *monitor.Report) bool { return other.Run == r.Run })
	f.stored = append(f.stored, &stored)
	return nil
}

func (f *fakeReports) Report(_ context.Context, _, run string) (*monitor.Report, error) {
	return nil, monitor.Errorf(monitor.ENotFound, "there is no report on run %q", run)
}

func (f *fakeReports) ReportsAround(_ context.Context, r *monitor.Report, max int) iter.Seq2[*monitor.Report, error] {
	f.mu.Lock()
	defer f.mu.Unlock()
	return func(yield func(*monitor.Report, error) bool) {
		if len(f.around) > 0 {
			err := f.around[0]
			f.around = f.around[1:]
			yield(nil, err)
			return
		}
		others := slices.SortedFunc(slices.Values(f.stored), func(a, b *monitor.Report) int { return b.Started.Compare(a.Started) })
		for _, other := range others {
			if other.Run == r.Run || other.Branch != r.Branch {
				continue
			}
			if max--; max < 0 || !yield(other, nil) { // tests have nothing that starts later and is far away
				return
			}
		}
	}
}

func (f *fakeReports) Unjudged(_ context.Context, from, to time.Time, _ int) (found []*monitor.RunInfo, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, run := range f.unjudged {
		if at := time.Unix(0, run.Started); at.After(from) && !at.After(to) { // they measure at once, or never
			found = append(found, run)
		}
	}
	return found, nil
}

// Answer implements [monitor.AnswerStore].
func (f *fakeReports) Answer(_ context.Context, _, run, basis string) (*monitor.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.stored {
		if r.Run == run && r.Basis == basis && basis != "" {
			return r, nil
		}
	}
	return nil, nil
}

// runs returns the runs whose reports were kept.
func (f *fakeReports) runs() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.kept)
}

// fakeJudge answers at once, or fails.
type fakeJudge struct {
	mu    sync.Mutex
	asked []string
	errs  map[string][]error // by run, one for each time it is asked
	enter func(run string)
	give  map[string]*monitor.Report // by run, in place of one with a regression
}

// attempts returns the runs that it was asked about.
func (j *fakeJudge) attempts() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.asked)
}

func (j *fakeJudge) Judge(_ context.Context, q monitor.JudgeQuery) (*monitor.Report, error) {
	if j.enter != nil {
		j.enter(q.Run)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, q.Run)
	if errs := j.errs[q.Run]; len(errs) > 0 {
		j.errs[q.Run] = errs[1:]
		return nil, errs[0]
	}
	if given, ok := j.give[q.Run]; ok {
		r := *given
		r.Results, r.Accepted = slices.Clone(given.Results), nil
		return &r, nil
	}
	return &monitor.Report{Project: q.Project, Run: q.Run, Summary: monitor.Summary{Regressions: 1},
		Results: []monitor.Result{{TestID: monitor.TestID{ItemPath: "pkg.test_a", ItemVariant: "test_slow[1]"},
			Status: monitor.StatusRegression, Metric: monitor.MetricCPUTime, FirstBad: "bad"}}}, nil
}
