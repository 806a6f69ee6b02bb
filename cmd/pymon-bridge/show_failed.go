package main

import (
	"context"
	"fmt"
	"net/url"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// failures adds a note where the test failed in some of the runs: failed tests are no measurements, so the history does not show it.
// Only this project's own plugin tells.
func (s *source) failures(ctx context.Context, h *pastOf) error {
	failed, all, newest := map[string]bool{}, map[string]bool{}, (*report.RunLine)(nil)
	add := func(run *report.RunLine) {
		all[run.Run] = true
		if newest == nil || run.Started.After(newest.Started) {
			newest = run
		}
	}
	for _, kind := range []string{monitor.OutcomeFailed, monitor.OutcomeError} {
		response, err := s.get(ctx, url.Values{"format": {"ndjson"}, "outcome": {kind}}, "items", h.Item, "outcomes")
		if err != nil {
			return err
		}
		err = eachLine(response, func(line []byte) error {
			o, err := wire.DecodeOutcome(line)
			if err != nil {
				return err
			}
			run := h.runs[o.SessionH]
			if run != nil && o.ItemPath == h.ItemPath && o.ItemVariant == h.ItemVariant && (h.NodeID == "" || o.NodeID == h.NodeID) {
				failed[run.Run] = true
				add(run)
			}
			return nil
		})
		response.Body.Close()
		if err != nil {
			return err
		}
	}
	if len(failed) == 0 {
		return nil
	}
	for _, m := range h.measured {
		add(h.runs[m.SessionH])
	}
	note := fmt.Sprintf("failed in %d of the last %d runs that ran it", len(failed), len(all))
	if failed[newest.Run] {
		note += ", the newest one too"
	}
	h.Notes = append(h.Notes, note+"; measurements are of tests that passed")
	return nil
}
