package judge

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"pymon-bridge/monitor"
)

// Older gives the rollups of a branch its imported runs, which nobody judges, from the newest on. It takes some of them each time that a
// live run of the branch is judged, so that no run waits for long. All fields are required.
type Older struct {
	History  monitor.HistoryStore
	Detector monitor.Detector
	Drift    *Drift
}

// How much is taken at once: olderRuns runs of a class of machine, which are enough for a history. Where they measured much, it is fewer,
// but one stretch at least: olderSamples measurements take some two seconds.
const (
	olderRuns    = 30
	olderSamples = 100_000
	olderStretch = 5 // runs, as of live ones
)

// add takes runs for a run that is judged next.
func (o *Older) add(ctx context.Context, project, id string) (err error) {
	defer func() {
		if p := recover(); p != nil { // the run itself may be judged
			err = monitor.Errorf(monitor.EInternal, "panic: %v\n%s", p, debug.Stack())
		}
	}()
	runs, err := o.History.RunInfos(ctx, monitor.RunInfoQuery{Project: project, Run: id, Live: true, Measured: true, Limit: 1})
	if err != nil || len(runs) == 0 {
		return err
	}
	for _, env := range runs[0].Environments {
		if err := o.addOn(ctx, runs[0], env); err != nil {
			return fmt.Errorf("add imported runs to the history of branch %q: %w", runs[0].Branch, err)
		}
	}
	return nil
}

func (o *Older) addOn(ctx context.Context, run *monitor.RunInfo, env string) error {
	q := monitor.RollupQuery{Project: run.Project, Branch: run.Branch, Env: env}
	if !run.Whole {
		q.Selection = run.Partial
	}
	began, known, err := o.Drift.Rollups.RollupsBegin(ctx, q)
	if err != nil || known >= o.Drift.MaxRuns {
		return err
	}
	before, since := run.Started, time.Unix(0, run.Started).Add(-o.Drift.MaxAge).UnixNano()
	if known > 0 {
		before = min(before, began.UnixNano())
	}
	const searched = 10 * olderRuns
	older, err := o.History.RunInfos(ctx, monitor.RunInfoQuery{Project: run.Project, Branch: &run.Branch, Before: before, Imported: true, Measured: true,
		Whole: true, Like: q.Selection, Limit: searched})
	if err != nil {
		return err
	}
	var taken []*monitor.RunInfo // newest first
	for _, r := range older {
		enough := len(taken) >= olderRuns || measurements(taken) >= olderSamples
		if len(taken)%olderStretch == 0 && len(taken) > 0 && enough {
			break
		}
		if r.Started >= since && slices.Contains(r.Environments, env) {
			taken = append(taken, r)
		}
	}
	for stretch := range slices.Chunk(taken, olderStretch) {
		if len(stretch) < olderStretch && len(older) == searched {
			break // there are more, which are found the next time
		}
		var values []*monitor.RunValues
		for _, r := range oldestFirst(stretch) {
			report, err := o.Detector.Judge(monitor.Comparison{Branch: r.Branch, Window: []*monitor.RunInfo{r}},
				o.History.Samples(ctx, r.Sort(), []*monitor.RunInfo{r}))
			if err != nil {
				return err
			}
			if v := report.Measured()[env]; v != nil {
				values = append(values, v)
			}
		}
		if err := o.Drift.Rollups.AddOlder(ctx, q, values); err != nil {
			return err
		}
	}
	return nil
}
