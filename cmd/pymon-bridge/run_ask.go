package main

import (
	"context"
	"encoding/json"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
	"pymon-bridge/report"
)

// digests returns what people want to know of each run of the command, in the order in which the runs began.
func (i *invocation) digests(ctx context.Context) (all []*report.Digest, err error) {
	ids, err := i.runs(ctx)
	if err != nil {
		return nil, err
	}
	i.done = nil
	settings, rates := regress.Defaults(), i.to.passRates(ctx)
	for _, id := range ids {
		d := &report.Digest{Needed: settings.MinRuns, Window: settings.WindowRuns - 1,
			Advice: report.Advice{PassRates: rates, CPUs: runtime.NumCPU()}}
		if len(ids) > 1 {
			d.Name = strings.TrimLeft(strings.TrimPrefix(id, i.id), "-_./ ")
		}
		run, err := i.to.run(ctx, id)
		if err == nil {
			err = i.to.tests(ctx, run, d.Add)
		}
		if err != nil {
			return nil, err
		}
		switch d.Partial = run.Partial; {
		case i.died:
			d.Partial = bridgeDied
		case run.Completion == monitor.CompletionUnknown:
			d.Partial = "a pytest did not say that it ended"
		}
		if run.Completion != monitor.CompletionUnknown && run.Tests > 0 {
			i.done = append(i.done, id)
		}
		if d.Tests() > 0 {
			query := i.query()
			query.Set("run", id)
			if d.Report, err = i.report(ctx, i.m, &i.to, query); err != nil {
				d.Unjudged = err.Error()
			} else if d.Report.Previous != "" && d.Waits() {
				_ = i.to.testsOf(ctx, d.Report.Previous, d.AddEarlier) // without it there is one hint less
			}
			if d.Report != nil {
				if d.Report.Budget, err = i.to.budget(ctx, i.m, i.budget, d.Report); err != nil {
					return nil, err
				}
			}
		}
		all = append(all, d)
	}
	return all, nil
}

// runs returns the ids of the runs of the command. There are several where tox or nox made several environments.
func (i *invocation) runs(ctx context.Context) (ids []string, err error) {
	response, err := i.to.get(ctx, url.Values{"with_flags": {tagInvocation}, "restrict_flags": {i.id}, "format": {"ndjson"}}, "sessions", "")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	err = eachLine(response, func(line []byte) error {
		var session struct {
			H    string `json:"session_h"`
			Tags []struct{ Name, Value string }
		}
		if err := json.Unmarshal(line, &session); err != nil {
			return err
		}
		id := session.H
		for _, tag := range session.Tags {
			if tag.Name == monitor.TagRun && tag.Value != "" {
				id = tag.Value
			}
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}
