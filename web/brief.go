package web

import (
	"context"
	"errors"

	"pymon-bridge/monitor"
)

// brief is what lists of runs show of a kept report. A report can have a result for each test of a large suite, so a list
// must not read reports again for each look.
type brief struct {
	suite       monitor.Suite
	status      string // the verdict
	sentence    string
	regressions int // tests
	results     int // regressions of any metric, so a test may count several times
	suspects    int // tests
	drifts      int // tests
}

// maxBriefs is how many briefs stay in memory, by the versions of the reports. No two reports have the same version.
const maxBriefs = 4000

// brief returns the brief of the kept report on a run, which had this version a moment ago; nil for no report. What it keeps may
// be newer than the version, but never older.
func (p *Pages) brief(ctx context.Context, project, run string, version int64) (*brief, error) {
	if known, _ := p.briefs.Get(version); known != nil || version == 0 {
		return known, nil
	}
	r, err := p.report(ctx, project, run)
	if err != nil || r == nil {
		return nil, err
	}
	of := &brief{suite: r.Suite, status: string(r.Verdict()), sentence: p.parts.Words.Sentence(r),
		regressions: r.TestsWith(monitor.StatusRegression), results: r.Summary.Regressions,
		suspects: r.TestsWith(monitor.StatusSuspect), drifts: r.TestsWith(monitor.StatusDrift)}
	p.briefs.Add(version, of)
	return of, nil
}

// report returns the kept report on a run, nil when there is none.
func (p *Pages) report(ctx context.Context, project, run string) (*monitor.Report, error) {
	r, err := p.parts.Store.Report(ctx, project, run)
	if monitor.ErrorCode(err) == monitor.ENotFound {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return r, nil
}

// readReport adds the whole report to a row that has one.
func (p *Pages) readReport(ctx context.Context, row *runRow) (err error) {
	if row.brief != nil {
		row.Report, err = p.report(ctx, row.Info.Project, row.ID)
	}
	return err
}
