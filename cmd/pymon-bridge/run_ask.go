package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
	runs, err := i.runs(ctx)
	if err != nil {
		return nil, err
	}
	i.done = 0
	settings := regress.Defaults()
	rates, from := i.to.passRates(ctx), &source{client: i.to}
	for _, run := range runs {
		d := &report.Digest{Needed: settings.MinRuns, Window: settings.WindowRuns - 1, PassRates: rates, CPUs: runtime.NumCPU()}
		if len(runs) > 1 {
			d.Name = strings.TrimLeft(strings.TrimPrefix(run, i.id), "-_./ ")
		}
		if err := errors.Join(i.whole(ctx, run, d), from.testsOf(ctx, run, d.Add)); err != nil {
			return nil, err
		}
		if i.died {
			d.Partial = bridgeDied
		}
		if d.Tests() > 0 {
			if d.Report, err = i.judge(ctx, run); err != nil {
				d.Unjudged = err.Error()
			} else if d.Report.Previous != "" && d.Waits() {
				_ = from.testsOf(ctx, d.Report.Previous, d.AddEarlier) // without it there is one hint less
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

// whole notes whether a run is one of the whole suite.
func (i *invocation) whole(ctx context.Context, run string, d *report.Digest) error {
	response, err := i.to.get(ctx, url.Values{"format": {"ndjson"}}, "runs", run)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return eachLine(response, func(line []byte) error {
		var answer struct {
			Completion monitor.Completion
			Partial    string
			Tests      int
		}
		err := json.Unmarshal(line, &answer)
		if d.Partial = answer.Partial; answer.Completion == monitor.CompletionUnknown {
			d.Partial = "a pytest did not say that it ended"
		} else if answer.Tests > 0 {
			i.done++
		}
		return err
	})
}

// passRates returns how often flaky tests pass, by node id. A summary without them is better than none.
func (c client) passRates(ctx context.Context) map[string]float64 {
	response, err := c.get(ctx, url.Values{"format": {"ndjson"}}, "tests", "flaky", "")
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	rates := map[string]float64{}
	_ = eachLine(response, func(line []byte) error {
		var test struct {
			NodeID   string
			PassRate float64 `json:"pass_rate"`
		}
		err := json.Unmarshal(line, &test)
		rates[test.NodeID] = test.PassRate
		return err
	})
	return rates
}

// maxLine is the longest line of a list, in bytes. The texts of a record are shorter than a body of a request may be.
const maxLine = 16 << 20

// eachLine calls use for each line of a list.
func eachLine(response *http.Response, use func(line []byte) error) error {
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := use(lines.Bytes()); err != nil {
			return fmt.Errorf("the answer of %s is not the list that was asked for: %w", shown(response.Request.URL), err)
		}
	}
	return lines.Err()
}

// judge returns the report on a run.
func (i *invocation) judge(ctx context.Context, run string) (*monitor.Report, error) {
	check := &checkCmd{URL: i.to.URL, Token: i.to.Token, Project: i.to.Project, RunID: &run, judgeFlags: i.judgeFlags}
	r, err := check.fetch(ctx, i.m)
	i.public, i.pages = check.public, !check.noPages
	return r, err
}
