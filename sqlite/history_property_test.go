package sqlite_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// member is a session of a run in a random history. Few texts and few instants make runs that share them.
type member struct {
	project, hash, run, scm, branch string
	start                           int64
	tests                           int64
	marks                           monitor.Marks // how it ended
	reason                          string
}

func (m member) session() *monitor.Session {
	s := process(m.hash, arrival)
	s.ScmRef = monitor.Text{String: m.scm, Null: m.scm == ""}
	s.Run, s.Branch, s.Start.UTC, s.Marks = m.run, m.branch, m.start, m.marks
	if s.Completion == monitor.Partial {
		s.Reason = m.reason
	}
	return s
}

func anyHistory(t *rapid.T, projects []string) (all []member) {
	for i := range rapid.IntRange(1, 8).Draw(t, "sessions") {
		all = append(all, member{
			project: rapid.SampledFrom(projects).Draw(t, "project"),
			hash:    fmt.Sprintf("%d-%d", rapid.IntRange(0, 9).Draw(t, "hash"), i), // its order is not that of acceptance
			run:     rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "run"),
			scm:     rapid.SampledFrom([]string{"", "c0ffee", "decade"}).Draw(t, "commit"),
			branch:  rapid.SampledFrom([]string{"", "main", "topic"}).Draw(t, "branch"),
			start:   arrival.UnixNano() + rapid.Int64Range(0, 3).Draw(t, "start"),
			tests:   rapid.Int64Range(0, 1).Draw(t, "tests"),
			reason:  rapid.SampledFrom([]string{"-k", "-x"}).Draw(t, "reason"),
			marks: monitor.Marks{
				Completion: rapid.SampledFrom([]monitor.Completion{"", "", monitor.Complete, monitor.Partial}).Draw(t, "completion"),
				Method:     rapid.SampledFrom([]string{"", "m2"}).Draw(t, "method"),
				Imported:   rapid.Bool().Draw(t, "imported"),
			},
		})
	}
	return all
}

// storeHistory stores sessions as if they were read from a destination, since those keep their run and their start.
func storeHistory(t *rapid.T, db *sqlite.DB, history []member) {
	var recs []*monitor.Record
	add := func(m member, class any) {
		rec := record(class)
		rec.Project, rec.Source = m.project, dest
		recs = append(recs, rec)
	}
	for _, m := range history {
		add(m, m.session())
		for i := range m.tests {
			add(m, measured(m.hash, fmt.Sprint("test_", i), arrival))
		}
	}
	require.NoError(t, db.Append(context.Background(), recs))
}

// runsOf answers a query by looking at every session.
func runsOf(history []member, q monitor.RunInfoQuery) (found []*monitor.RunInfo) {
	sessions := slices.Clone(history)
	slices.SortFunc(sessions, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.hash, b.hash))
	})
	runs := map[string]*monitor.RunInfo{}
	for _, m := range sessions {
		if m.project != q.Project {
			continue
		}
		if runs[m.run] == nil { // its first session
			runs[m.run] = &monitor.RunInfo{Project: m.project, ID: m.run, ScmRef: m.scm, Branch: m.branch, Started: m.start, Imported: m.marks.Imported}
		}
		run := runs[m.run]
		run.Sessions = append(run.Sessions, m.hash)
		run.Add(m.session())
		if run.Tests += m.tests; m.tests > 0 {
			run.Environments = []string{monitor.UnknownEnv}
		}
	}
	for _, run := range runs {
		if (q.Run == "" || run.ID == q.Run) && (q.ScmRef == "" || run.ScmRef == q.ScmRef) && (q.Branch == nil || run.Branch == *q.Branch) &&
			(q.Before == 0 || run.Started < q.Before) && (!q.Measured || run.Tests > 0) && (!q.Live || !run.Imported) && (!q.Imported || run.Imported) && (!q.Whole || run.Whole || q.Like != "" && run.Partial == q.Like) {
			found = append(found, run)
		}
	}
	slices.SortFunc(found, func(a, b *monitor.RunInfo) int {
		return cmp.Or(cmp.Compare(b.Started, a.Started), cmp.Compare(a.ID, b.ID))
	})
	if q.Limit > 0 {
		found = found[:min(q.Limit, len(found))]
	}
	return found
}

// TestRunsOfAnyHistory compares answers about random histories with those of a program that looks at every session.
func TestRunsOfAnyHistory(t *testing.T) {
	db, _ := openNew(t)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++ // all rounds share a file; each round has projects of its own
		projects := []string{fmt.Sprint("shop", round), fmt.Sprint("zoo", round)}
		history := anyHistory(t, projects)
		storeHistory(t, db, history)
		for range 4 {
			q := monitor.RunInfoQuery{
				Project:  rapid.SampledFrom(projects).Draw(t, "project"),
				Run:      rapid.SampledFrom([]string{"", "", "2"}).Draw(t, "run"),
				ScmRef:   rapid.SampledFrom([]string{"", "c0ffee"}).Draw(t, "commit"),
				Measured: rapid.Bool().Draw(t, "measured"),
				Whole:    rapid.Bool().Draw(t, "whole"),
				Live:     rapid.Bool().Draw(t, "live"),
				Imported: rapid.Bool().Draw(t, "imported"),
				Like:     rapid.SampledFrom([]string{"", "-k", monitor.NotEnded}).Draw(t, "like"),
				Limit:    rapid.IntRange(0, 3).Draw(t, "limit"),
			}
			if rapid.Bool().Draw(t, "of a branch") {
				q.Branch = new(rapid.SampledFrom([]string{"", "main"}).Draw(t, "branch"))
			}
			if rapid.Bool().Draw(t, "before") {
				q.Before = rapid.SampledFrom(history).Draw(t, "another").start + rapid.Int64Range(0, 1).Draw(t, "later")
			}
			got, err := db.RunInfos(context.Background(), q)
			require.NoError(t, err)
			require.Equal(t, runsOf(history, q), got, "%+v", q)
		}
	})
}
