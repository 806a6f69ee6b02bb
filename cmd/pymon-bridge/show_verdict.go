package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"

	"pymon-bridge/monitor"
)

// judged adds how the last measurement was judged. It asks for what was kept, since judging takes seconds. Only a bridge that this
// command has started judges a run for it.
func (s *source) judged(ctx context.Context, h *pastOf) error {
	var r monitor.Report
	run := h.Points[len(h.Points)-1].Run
	err := s.read(ctx, &r, url.Values{"item_variant": {h.id.ItemVariant}}, "runs", run, "report")
	_, absent := errors.AsType[*absentError](err)
	if absent && s.seat != nil {
		absent = false
		err = s.read(ctx, &r, url.Values{"format": {"json"}, "all": {"true"}, "run": {run}, "item_variant": {h.id.ItemVariant}}, "regressions")
	}
	switch {
	case absent:
		h.Notes = append(h.Notes, "the last run is not judged, or not yet")
		return nil
	case err != nil:
		return err
	}
	h.choose(&r)
	return h.complete(&r)
}

// choose takes the results of the last measurement. Where they may be of another one with this name, a note says so.
func (h *pastOf) choose(r *monitor.Report) {
	byRank := map[int][]monitor.Result{}
	for i := range r.Results {
		one := &r.Results[i]
		if id := h.id; one.Env == h.Env && one.Component == id.Component && one.ItemPath == id.ItemPath && one.ItemVariant == id.ItemVariant {
			byRank[one.Occurrence] = append(byRank[one.Occurrence], *one)
		}
	}
	for i, rank := range append(h.ranks[:], 0) {
		if h.Results = append(h.Results, byRank[rank]...); len(h.Results) == 0 {
			continue
		}
		if i == len(h.ranks) {
			h.Notes = append(h.Notes, fmt.Sprintf("%d measurements of the last run have this name, and the verdict may be of another one", h.names))
		}
		return
	}
}

// usualRuns is how many earlier measurements say what is usual, where the report does not.
const usualRuns = 30

// complete adds a result for each metric of which the report says nothing, since nothing was conspicuous. Its numbers are those that
// earlier measurements make usual.
func (h *pastOf) complete(r *monitor.Report) error {
	verdict := r.Verdict()
	if verdict == monitor.StatusNotJudged {
		return nil
	}
	detector, settings, err := newDetector("")
	if err != nil {
		return err
	}
	nan := monitor.Number(math.NaN())
	for _, m := range monitor.JudgedMetrics {
		values := h.Values(m.Name)
		if len(values) == 0 || slices.ContainsFunc(h.Results, func(one monitor.Result) bool { return one.Metric == m.Name }) {
			continue
		}
		last := values[len(values)-1]
		before := values[:len(values)-1]
		slices.Reverse(before)
		before = before[:min(len(before), usualRuns)]
		_, usual, high := detector.Usual(h.Env, m.Name, before)
		one := monitor.Result{TestID: h.id, Metric: m.Name, Status: monitor.StatusOK, Baseline: monitor.Number(usual), Limit: monitor.Number(high),
			Value: monitor.Number(last), Ratio: monitor.Number(last / usual), Delta: monitor.Number(last - usual), P: nan, Q: nan, N: len(before)}
		one.Env = h.Env
		if verdict == monitor.StatusLearning || len(before) < settings.MinRuns {
			one.Status = monitor.StatusLearning
		}
		h.Results = append(h.Results, one)
	}
	return nil
}
