package web

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

// rejudged are the runs whose reports are about to be replaced, after something was accepted or taken back.
type rejudged struct {
	mu  sync.Mutex
	old map[[2]string]oldReport // by project and run
}

type oldReport struct {
	version int64
	until   time.Time // from then on the old verdict is shown again: judging may have failed
}

// expect notes that a run gets another report than the one it has.
func (r *rejudged) expect(project, run string, version int64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.old, func(_ [2]string, old oldReport) bool { return now.After(old.until) })
	if r.old == nil {
		r.old = map[[2]string]oldReport{}
	}
	r.old[[2]string{project, run}] = oldReport{version, now.Add(judgingTakes)}
}

// expected says that the report of a version is about to be replaced.
func (r *rejudged) expected(project, run string, version int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, found := r.old[[2]string{project, run}]
	return found && old.version == version && !now.After(old.until)
}

// fillLive adds what moves while a run goes on.
func (p *Pages) fillLive(ctx context.Context, data *runPage) error {
	run := data.Run.Info
	if data.Run.Status != running {
		return nil
	}
	before, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: run.Project, Branch: &run.Branch, Before: run.Started,
		Measured: true, Limit: 1})
	if err != nil {
		return err
	}
	if len(before) > 0 {
		data.Expected = before[0].Tests + before[0].Failed
	}
	latest, err := p.parts.Store.LatestTests(ctx, run.Project, run.ID, latestRows)
	if err != nil {
		return err
	}
	for i := range latest {
		t := testOf(&latest[i])
		t.testName, t.Status = testName(appendName(nil, t.of)), "ok"
		if t.Outcome != "" {
			t.Status = "failed"
		}
		data.Latest = append(data.Latest, testRows([]*test{&t})...)
	}
	if tests := data.Run.All(); tests > 0 && tests < data.Expected {
		took := data.Now.Sub(data.Run.Started).Seconds()
		data.Left = span(took * float64(data.Expected-tests) / float64(tests))
	}
	return nil
}

// Live says that the page moves: the run goes on or is being judged, or was when a script asked.
func (d *runPage) Live() bool {
	return d.Run.Status == running || d.Run.Status == judging || d.Then != ""
}

// Progress is how far a run under way is, as far as the run before it tells.
func (d *runPage) Progress() string {
	if d.Expected == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", min(1, float64(d.Run.All())/float64(d.Expected)))
}
