package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/dustin/go-humanize"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// restored says what an import from InfluxDB brought back.
type restored struct {
	Source  monitor.Destination   `json:"source"`
	New     map[monitor.Class]int `json:"new"`     // records by class
	Known   map[monitor.Class]int `json:"known"`   // records that the file had already
	Skipped []skipped             `json:"skipped"` // points that are no records
}

// skipped is why points are no records.
type skipped struct {
	Reason string `json:"reason"`
	Points int    `json:"points"`
}

// count counts a record that was stored.
func (r *restored) count(rec *monitor.Record) {
	if rec.Repeat {
		r.Known[rec.Class()]++
		return
	}
	r.New[rec.Class()]++
}

// skip counts a point that is no record.
func (r *restored) skip(err error) {
	reason := err.Error()
	if wrong, ok := errors.AsType[*monitor.Error](err); ok {
		for _, field := range slices.Sorted(maps.Keys(wrong.Fields))[:min(1, len(wrong.Fields))] {
			reason = fmt.Sprintf("%s: %s: %s", wrong.Message, field, wrong.Fields[field])
		}
	}
	for i := range r.Skipped {
		if r.Skipped[i].Reason == reason {
			r.Skipped[i].Points++
			return
		}
	}
	r.Skipped = append(r.Skipped, skipped{reason, 1})
}

// read returns how many records of each class were read.
func (r *restored) read() map[monitor.Class]int {
	all := maps.Clone(r.Known)
	for class, n := range r.New {
		all[class] += n
	}
	return all
}

// print prints the result. noTokens says that the file has no tokens.
func (r *restored) print(w io.Writer, asJSON, noTokens bool) error {
	slices.SortFunc(r.Skipped, func(a, b skipped) int { return cmp.Or(b.Points-a.Points, cmp.Compare(a.Reason, b.Reason)) })
	if asJSON {
		if r.Skipped == nil {
			r.Skipped = []skipped{}
		}
		return json.NewEncoder(w).Encode(r)
	}
	fmt.Fprintf(w, "From %s:\n", r.Source)
	for _, class := range influx.Classes {
		fmt.Fprintf(w, "  %-10s %s new, %s known already\n", class+"s", humanize.Comma(int64(r.New[class])), humanize.Comma(int64(r.Known[class])))
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "  %-10s %s: %s\n", "skipped", humanize.Comma(int64(s.Points)), s.Reason)
	}
	if noTokens {
		fmt.Fprintln(w, "The file has no tokens, since they are not in InfluxDB. Make new ones with `pymon-bridge token add PROJECT`.")
	}
	return nil
}

// progress starts to tell how far the import is.
func (r *restorer) progress(ctx context.Context, m *Main, queries []influx.Query) (*progress, error) {
	total := int64(0)
	for _, q := range queries {
		n, err := r.reader.Count(ctx, q)
		if err != nil {
			return nil, err
		}
		total += n
	}
	return m.newProgress("Reading from InfluxDB", "points", total), nil
}
