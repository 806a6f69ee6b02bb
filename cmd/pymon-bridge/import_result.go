package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

// restored says what an import from InfluxDB brought back.
type restored struct {
	Source monitor.Destination `json:"source"`
	importCounts
	Projects map[string]*recordCounts `json:"projects"`
}

func (r *restored) countProjects(recs []*monitor.Record) {
	for _, rec := range recs {
		of := r.Projects[rec.Project]
		if of == nil {
			counts := newRecordCounts()
			of = &counts
			r.Projects[rec.Project] = of
		}
		of.count(rec)
	}
}

// has says whether records of a project came; of any for "".
func (r *restored) has(project string) bool {
	return r.Projects[project] != nil || project == "" && len(r.Projects) > 0
}

// skip counts a point that is no record.
func (r *restored) skip(err error) {
	reason := err.Error()
	if wrong, ok := errors.AsType[*monitor.Error](err); ok && len(wrong.Fields) > 0 {
		field := slices.Sorted(maps.Keys(wrong.Fields))[0]
		reason = fmt.Sprintf("%s: %s: %s", wrong.Message, field, wrong.Fields[field])
	}
	r.Skipped[reason]++
}

// read returns how many records of a class were read.
func (r *restored) read(class monitor.Class) int64 { return r.New[class] + r.Repeats[class] }

// print prints the result. noTokens says that the file has no tokens.
func (r *restored) print(m *Main, asJSON, noTokens bool) error {
	if asJSON {
		return m.printJSON(r)
	}
	err := (&importedFile{File: string(r.Source), importCounts: r.importCounts}).print(m.Stdout, false)
	for _, name := range slices.Sorted(maps.Keys(r.Projects)) {
		if err == nil {
			of := r.Projects[name]
			_, err = fmt.Fprintf(m.Stdout, "Project %s: new: %s. There already: %s.\n", report.Printable(name), counted(of.New), counted(of.Repeats))
		}
	}
	if err == nil && noTokens {
		_, err = fmt.Fprintln(m.Stdout, "The file has no tokens, since they are not in InfluxDB. Make new ones with `pymon-bridge token add PROJECT`.")
	}
	return err
}
