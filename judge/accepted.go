package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

// acceptances returns what was accepted in a project, without results. The caller owns it.
func (j *Judge) acceptances(ctx context.Context, project string) ([]monitor.Acceptance, error) {
	if j.Acceptances == nil {
		return nil, nil
	}
	all, err := j.Acceptances.Acceptances(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("read what was accepted: %w", err)
	}
	return slices.Clone(all), nil
}

// steps returns the changes that count in a comparison: those that the judged run's branch accepted in the same comparison, and
// those that the baseline's branch accepted in its own. Of the given acceptances it returns those that were not taken back since,
// and has no others.
func (j *Judge) steps(ctx context.Context, c monitor.Comparison, accepted []monitor.Acceptance) (
	map[monitor.ResultID][]monitor.AcceptedStep, []monitor.Acceptance, error) {
	if len(accepted) == 0 {
		return nil, nil, nil
	}
	run, first := c.Judged(), c.Window[0]
	if len(c.Baseline) > 0 {
		first = c.Baseline[0]
	}
	from, branches := time.Unix(0, first.Started), slices.Compact([]string{run.Branch, c.Branch})
	steps, there := map[monitor.ResultID][]monitor.AcceptedStep{}, map[int64]bool{}
	for _, branch := range branches {
		all, err := j.Acceptances.AcceptedOn(ctx, run.Project, branch, from)
		if err != nil {
			return nil, nil, fmt.Errorf("read what was accepted: %w", err)
		}
		for i := range all {
			a := &all[i]
			there[a.ID] = true
			ofBaseline := a.Against == "" && branch == c.Branch
			if !ofBaseline && !(branch == run.Branch && a.Against == c.Branch && len(branches) > 1) ||
				!slices.ContainsFunc(accepted, func(o monitor.Acceptance) bool { return o.ID == a.ID }) {
				continue
			}
			results := a.Results
			a.Results = nil // the results of reports refer to the rest
			for _, r := range results {
				steps[r.ResultID] = append(steps[r.ResultID], monitor.AcceptedStep{Since: r.Since, Whole: !ofBaseline, Ratio: r.Ratio, Acceptance: a})
			}
		}
	}
	accepted = slices.DeleteFunc(accepted, func(a monitor.Acceptance) bool {
		return slices.Contains(branches, a.Branch) && !a.Started.Before(from) && !there[a.ID]
	})
	return steps, accepted, nil
}

// maxNote is how many characters a note and a name may have.
const maxNote, maxBy = 2000, 200

// Accepter implements [monitor.Accepter]. All fields are required.
type Accepter struct {
	Judge   monitor.Judge
	History monitor.HistoryStore
	Store   monitor.AcceptanceStore
	Now     func() time.Time
	// Turns has the requests that wait. One at a time is judged and stored, so that the next one sees what was accepted.
	Turns *turns.Queue
	// Again is called for each run whose report may say something else now.
	Again func(project, run string)
}

var _ monitor.Accepter = (*Accepter)(nil)

// Accept implements [monitor.Accepter]. A suspect is not accepted: one run does not tell a level, and an outlier that was taken
// for one would hide the next change.
func (a *Accepter) Accept(ctx context.Context, q monitor.AcceptQuery) (*monitor.Acceptance, error) {
	q.Note, q.By = strings.TrimSpace(q.Note), strings.TrimSpace(q.By)
	if err := check(q); err != nil {
		return nil, err
	}
	run, err := a.run(ctx, q)
	if err != nil {
		return nil, err
	}
	asked := monitor.JudgeQuery{Project: q.Project, Run: run.ID, All: true} // a kept report lacks tests, and the starts of changes
	if q.Run == "" && run.ScmRef != "" {
		asked.Run, asked.ScmRef, asked.Head = "", run.ScmRef, &run.Branch
	}
	if q.Against == run.Branch {
		q.Against = ""
	}
	if q.Against != "" {
		asked.Branch = &q.Against
	}
	turn, err := a.Turns.Take(ctx, q.Project)
	if err != nil {
		return nil, err
	}
	defer turn.Leave()
	r, err := a.Judge.Judge(ctx, asked)
	if err != nil {
		return nil, err
	}
	accepted := monitor.Acceptance{Project: q.Project, Branch: r.Branch, Against: q.Against, Run: r.Run, ScmRef: r.ScmRef, Started: r.Started,
		AcceptedScope: q.AcceptedScope, Note: q.Note, By: q.By, At: a.Now().UTC()}
	if accepted.Results, err = chosen(r, q.AcceptedScope); err != nil {
		return nil, err
	}
	accepted.Regressions = len(accepted.Results)
	if accepted, err = a.Store.Accept(ctx, accepted); err != nil {
		return nil, fmt.Errorf("store what was accepted: %w", err)
	}
	for _, id := range r.Runs {
		a.Again(q.Project, id)
	}
	return &accepted, nil
}

// Unaccept implements [monitor.Accepter].
func (a *Accepter) Unaccept(ctx context.Context, project string, id int64) (*monitor.Acceptance, error) {
	gone, err := a.Store.Unaccept(ctx, project, id)
	if err != nil {
		return nil, err
	}
	a.Again(project, gone.Run)
	return &gone, nil
}

// Acceptances implements [monitor.Accepter].
func (a *Accepter) Acceptances(ctx context.Context, project string) ([]monitor.Acceptance, error) {
	return a.Store.Acceptances(ctx, project)
}

// check fails where a request cannot be meant.
func check(q monitor.AcceptQuery) error {
	wrong := map[string]string{}
	if q.Note == "" || utf8.RuneCountInString(q.Note) > maxNote {
		wrong["note"] = fmt.Sprintf("expected why, in 1 to %d characters", maxNote)
	}
	if q.By == "" || utf8.RuneCountInString(q.By) > maxBy {
		wrong["by"] = fmt.Sprintf("expected who, in 1 to %d characters", maxBy)
	}
	if q.Part != "" && (q.ItemPath != "" || q.ItemVariant != "") {
		wrong["part"] = "expected a test or a part, and not both"
	}
	if q.ItemPath != "" && q.ItemVariant == "" { // a test may have no path
		wrong["item_variant"] = "expected that of a test, beside item_path"
	}
	if len(wrong) > 0 {
		return &monitor.Error{Code: monitor.EInvalid, Message: "this cannot be accepted", Fields: wrong}
	}
	return nil
}

// run finds the run that is accepted.
func (a *Accepter) run(ctx context.Context, q monitor.AcceptQuery) (*monitor.RunInfo, error) {
	runs, err := a.History.RunInfos(ctx, monitor.RunInfoQuery{Project: q.Project, Run: q.Run, Branch: q.Branch, Measured: true, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("find the run: %w", err)
	}
	if len(runs) == 0 {
		what := "run"
		if q.Run != "" {
			what += fmt.Sprintf(" %q", q.Run)
		}
		if q.Branch != nil {
			what += fmt.Sprintf(" of branch %q", *q.Branch)
		}
		return nil, monitor.Errorf(monitor.ENotFound, "project %q has no %s that measured something", q.Project, what)
	}
	return runs[0], nil
}

// chosen returns the regressions of a report that are accepted. It fails with ENotFound where the report has no such test.
func chosen(r *monitor.Report, scope monitor.AcceptedScope) ([]monitor.AcceptedResult, error) {
	known, all := false, []monitor.AcceptedResult{}
	for i := range r.Results {
		result := &r.Results[i]
		if !scope.Covers(result.TestID, result.ItemFSLoc) {
			continue
		}
		known = true
		if result.Status == monitor.StatusRegression {
			if result.Since == 0 {
				return nil, monitor.Errorf(monitor.EInternal, "the report on run %q does not say since when %s is worse", r.Run, result.ItemVariant)
			}
			all = append(all, monitor.AcceptedResult{ResultID: result.ID(), Since: result.Since, Baseline: result.Baseline,
				Value: result.Value, Ratio: result.Ratio})
		}
	}
	if !known {
		return nil, monitor.Errorf(monitor.ENotFound, "run %q has no such test: expected a test, a component or a folder of the run", r.Run)
	}
	return all, nil
}
