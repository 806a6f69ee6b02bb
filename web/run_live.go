package web

import (
	"context"
	"fmt"
)

// fillLive adds what moves while a run goes on.
func (p *Pages) fillLive(ctx context.Context, data *runPage, before []*runRow) error {
	latest, err := p.parts.Store.LatestTests(ctx, data.Run.Info.Project, data.Run.ID, latestRows)
	if err != nil {
		return err
	}
	for i := range latest {
		t := test{RunTest: latest[i], Status: "ok"}
		if t.Outcome != "" {
			t.Status = "failed"
		}
		data.Latest = append(data.Latest, testRows([]*test{&t})...)
	}
	if tests := data.Run.Tests; len(before) > 0 && tests > 0 && tests < data.Expected {
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
	return fmt.Sprintf("%.3f", min(1, float64(d.Run.Tests)/float64(d.Expected)))
}
