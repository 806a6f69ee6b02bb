package judge_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// judgedRun is what is found of the tests of a run, and which of them should be resolved. Tests are named "test" or
// "test@env".
type judgedRun struct {
	run      int // the number of its start
	branch   string
	found    map[string]finding
	resolved []string
}

type finding struct {
	status monitor.Status
	value  monitor.Number // where 1 is what is usual
}

var (
	slow     = finding{monitor.StatusRegression, 2}
	fine     = finding{monitor.StatusOK, 1.1}
	accepted = finding{monitor.StatusOK, 2}
	taken    = finding{monitor.StatusAccepted, 2}
	suspect  = finding{monitor.StatusSuspect, 2}
	better   = finding{monitor.StatusImprovement, 0.5}
	muted    = finding{monitor.StatusNotJudged, 1}
)

func (s judgedRun) report() *monitor.Report {
	r := &monitor.Report{Project: "p", Run: fmt.Sprint("run ", s.run), Branch: s.branch, Previous: "another",
		Started: time.Unix(int64(s.run), 0)}
	for name, v := range s.found {
		id := monitor.TestID{Item: name}
		r.Results = append(r.Results, monitor.Result{TestID: id, Metric: monitor.MetricCPUTime, Status: v.status, Baseline: 1,
			Value: v.value, Ratio: v.value}, monitor.Result{TestID: id, Metric: monitor.MetricMemUsage, Status: monitor.StatusOK})
	}
	return r
}

func found(name string, v finding) map[string]finding { return map[string]finding{name: v} }

func resolvedIn(r *monitor.Report) (items []string) {
	for _, result := range r.Results {
		if result.Status == monitor.StatusResolved {
			items = append(items, result.Item+map[bool]string{false: " " + result.Metric}[result.Metric == monitor.MetricCPUTime])
		}
	}
	return items
}

// TestWorkerTellsWhatIsResolved follows regressions through the runs after them, in the order in which these are judged.
func TestWorkerTellsWhatIsResolved(t *testing.T) {
	t.Parallel()
	is := []string{"test"}
	for name, runs := range map[string][]judgedRun{
		"in the next run": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", fine), resolved: is},
			{run: 3, found: found("test", fine)}},
		"without a regression before": {{run: 1, found: found("test", suspect)}, {run: 2, found: found("test", fine)}},
		"twice": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", fine), resolved: is},
			{run: 3, found: found("test", slow)}, {run: 4, found: found("test", slow)}, {run: 5, found: found("test", fine), resolved: is}},
		"on one machine of a matrix": {{run: 1, found: found("test@a", slow)}, {run: 2, found: found("test@b", fine)},
			{run: 3, found: found("test@a", slow)}, {run: 4, found: found("test@b", fine)},
			{run: 5, found: found("test@a", fine), resolved: []string{"test@a"}}, {run: 6, found: found("test@b", fine)},
			{run: 7, found: found("test@a", fine)}, {run: 8, found: found("test@b", fine)}},
		"on both": {{run: 1, found: found("test@a", slow)}, {run: 2, found: found("test@b", slow)},
			{run: 3, found: found("test@a", fine), resolved: []string{"test@a"}}, {run: 4, found: found("test@b", fine), resolved: []string{"test@b"}},
			{run: 5, found: found("test@a", fine)}, {run: 6, found: found("test@b", fine)}},
		"after runs without the test": {{run: 1, found: found("test", slow)}, {run: 2, found: found("other", fine)}, {run: 3},
			{run: 4, found: found("test", fine), resolved: is}, {run: 5, found: found("other", fine)}, {run: 6, found: found("test", fine)}},
		"after it could not be judged": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", muted)},
			{run: 3, found: found("test", fine), resolved: is}},
		"after a suspect": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", suspect)},
			{run: 3, found: found("test", fine), resolved: is}, {run: 4, found: found("test", suspect)}, {run: 5, found: found("test", fine)}},
		"not when it was accepted": {{run: 1, found: found("test", slow)}, {run: 2, found: found("other", fine)},
			{run: 3, found: found("test", accepted)}, {run: 4, found: found("test", fine)}},
		"not when somebody accepted it": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", taken)},
			{run: 3, found: found("test", fine)}, {run: 4, found: found("test", slow)}, {run: 5, found: found("test", fine), resolved: is}},
		"not when somebody accepted it later": {{run: 1, found: found("test", slow)}, {run: 3, found: found("test", taken)},
			{run: 2, found: found("test", fine)}},
		"not when it got better": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", better)},
			{run: 3, found: found("test", fine)}},
		"not of another branch": {{run: 1, found: found("test", slow)}, {run: 2, branch: "topic", found: found("test", fine)},
			{run: 3, found: found("test", fine), resolved: is}},
		"again when judged again": {{run: 1, found: found("test", slow)}, {run: 2, found: found("test", fine), resolved: is},
			{run: 2, found: found("test", fine), resolved: is}, {run: 3, found: found("test", fine)}},
		"once, when the later of two is judged first": {{run: 1, found: found("test", slow)}, {run: 3, found: found("test", fine), resolved: is},
			{run: 2, found: found("test", fine)}},
		"before it comes back, judged first": {{run: 1, found: found("test", slow)}, {run: 3, found: found("test", slow)},
			{run: 2, found: found("test", fine), resolved: is}},
		"not without an earlier one": {{run: 2, found: found("test", slow)}, {run: 1, found: found("test", fine)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, r := &fakeJudge{give: map[string]*monitor.Report{}}, &fakeReports{}
				w, _ := openWorker(t, j, r)
				for _, run := range runs {
					given := run.report()
					j.give[given.Run] = given
					w.Ended("p", given.Run)
					synctest.Wait()
					assert.Equal(t, run.resolved, resolvedIn(r.last), given.Run)
					assert.Len(t, r.last.Results, 2*len(run.found))
				}
			})
		})
	}
}

// TestResolvedResultsStandInOrder holds that a report is ordered after something in it is resolved.
func TestResolvedResultsStandInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := judgedRun{run: 1, found: map[string]finding{"stays": slow, "resolved": slow, "removed": slow}}.report()
		now := judgedRun{run: 2, found: map[string]finding{"stays": slow, "resolved": fine, "fine": fine}}.report()
		j, r := &fakeJudge{give: map[string]*monitor.Report{before.Run: before, now.Run: now}}, &fakeReports{}
		w, _ := openWorker(t, j, r)
		w.Ended("p", before.Run)
		w.Ended("p", now.Run)
		synctest.Wait()
		assert.Equal(t, "stays", r.last.Results[0].Item, "the worst first")
		assert.Equal(t, monitor.StatusResolved, r.last.Results[1].Status)
	})
}

// TestReportsAreKeptWhereOthersCannotBeRead holds that one broken report does not cost those that follow, and that a
// store that is busy is asked again.
func TestReportsAreKeptWhereOthersCannotBeRead(t *testing.T) {
	t.Parallel()
	for code, resolved := range map[monitor.Code][]string{monitor.EInternal: nil, monitor.EUnavailable: {"test"}} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				before, now := judgedRun{run: 1, found: found("test", slow)}.report(), judgedRun{run: 2, found: found("test", fine)}.report()
				j := &fakeJudge{give: map[string]*monitor.Report{now.Run: now}}
				r := &fakeReports{stored: []*monitor.Report{before}, around: []error{monitor.Errorf(code, "cannot be read")}}
				w, log := openWorker(t, j, r)
				w.Ended("p", now.Run)
				time.Sleep(waitLong)
				synctest.Wait()
				assert.Equal(t, []string{now.Run}, r.runs())
				assert.Equal(t, resolved, resolvedIn(r.last))
				assert.Contains(t, log.String(), "cannot be read")
			})
		})
	}
}

// TestRetractedResultsSayNothing holds that a result that a report no longer has neither begins a regression nor ends one.
func TestRetractedResultsSayNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first    finding
		resolved []string
	}{
		"after a regression":   {slow, []string{"test"}},
		"without a regression": {fine, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				before, again := judgedRun{run: 1, found: found("test", tc.first)}.report(), judgedRun{run: 2}.report()
				for _, result := range (judgedRun{found: found("test", slow)}).report().Results {
					result.Status = monitor.StatusOK
					again.Retracted = append(again.Retracted, result)
				}
				now := judgedRun{run: 3, found: found("test", fine)}.report()
				j := &fakeJudge{give: map[string]*monitor.Report{now.Run: now}}
				r := &fakeReports{stored: []*monitor.Report{before, again}}
				w, _ := openWorker(t, j, r)
				w.Ended("p", now.Run)
				synctest.Wait()
				assert.Equal(t, tc.resolved, resolvedIn(r.last))
			})
		})
	}
}
