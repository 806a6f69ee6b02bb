package sqlite_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// slowly is a result of a test that grows slowly since some hours after arrival.
func slowly(item, env string, ratio float64, hours int) monitor.Result {
	r := result(item, monitor.StatusDrift)
	r.Env = env
	r.Drift = &monitor.Drift{Ratio: monitor.Number(ratio), Since: monitor.RunMark{Run: "\xff", ScmRef: "c", Started: arrival.Add(time.Duration(hours) * time.Hour)}}
	return r
}

func TestSlowGrowthIsListedFromTheLastReports(t *testing.T) {
	db, _ := openNew(t)
	list := func(q monitor.DriftQuery) *monitor.DriftList {
		q.Project = "shop"
		got, err := db.ListDrift(t.Context(), q)
		require.NoError(t, err)
		return got
	}
	got := list(monitor.DriftQuery{})
	assert.Empty(t, got.Runs)
	assert.NotNil(t, got.Results, "JSON has empty lists, not null")

	envs := []string{"Linux-x86_64 8x Example CPU 32G py3.11", "Linux-x86_64 4x Example CPU 32G py3.11"}
	for i, h := range []string{"machine", "small"} {
		m := machine(h)
		m.CPUCount -= int64(4 * i)
		rec := record(m)
		appendAll(t, db, rec)
		envs[i] = rec.Context.Env
	}
	run := func(id, branch, commit, context string, hours int, results ...monitor.Result) *monitor.Report {
		start := arrival.Add(time.Duration(hours) * time.Hour)
		session := process(id, start)
		session.ScmRef = monitor.Text{String: commit}
		session.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: id}}, {Name: "branch", Value: monitor.Text{String: branch}}}
		m := measured(id, "test", start)
		m.ContextH = context
		recs := []*monitor.Record{record(session), record(m)}
		for _, rec := range recs {
			rec.Received = start
		}
		appendAll(t, db, recs...)
		r := reportOn(id, results...)
		r.ScmRef, r.Branch, r.Started = commit, branch, start
		keep(t, db, r)
		return r
	}
	run("old", "main", "c1", "machine", 0, slowly("gone", envs[0], 9, -5))
	run("small", "main", "c1", "small", 1, slowly("a", envs[1], 3, -3))
	run("shard1", "main", "c2", "machine", 2, slowly("a", envs[0], 1.3, -2), slowly("b", envs[0], 2, -9), slowly("other", envs[1], 7, -1))
	last := run("shard2", "main", "c2", "machine", 3, slowly("a", envs[0], 1.4, -2))
	last.Suite.Drift = []monitor.PartDrift{{Kind: monitor.PartSuite, Env: envs[0], Part: ""}}
	last.Parts = []monitor.PartDrift{{Kind: monitor.PartFolder, Env: envs[0], Part: "\xfe dir"}}
	keep(t, db, last)
	run("topic", "topic", "c3", "machine", 4)

	names := func(l *monitor.DriftList) (all []string) {
		for _, r := range l.Results {
			all = append(all, r.Item+" "+string(rune('0'+slices.Index(envs, r.Env))))
		}
		return all
	}
	main := "main"
	got = list(monitor.DriftQuery{Branch: &main})
	assert.Equal(t, []string{"a 1", "b 0", "a 0"}, names(got), "of each class of machine the last commit that ran there, the greatest growth first")
	assert.EqualValues(t, 1.4, got.Results[2].Drift.Ratio, "of two jobs the last one counts")
	assert.Equal(t, "\xff", got.Results[0].Drift.Since.Run, "any text comes back")
	require.Len(t, got.Parts, 2)
	assert.Equal(t, monitor.PartSuite, got.Parts[0].Kind)
	assert.Equal(t, "\xfe dir", got.Parts[1].Part)
	assert.Equal(t, "\xfe dir", last.Parts[0].Part, "the caller's report is unchanged")
	assert.Equal(t, []string{"shard2", "shard1", "small"}, []string{got.Runs[0].Run, got.Runs[1].Run, got.Runs[2].Run})
	assert.Equal(t, []string{"b 0", "a 0"}, names(list(monitor.DriftQuery{Branch: &main, Env: envs[0]})))
	assert.Equal(t, []string{"a 0"}, names(list(monitor.DriftQuery{Branch: &main, Env: envs[0], Since: arrival.Add(-3 * time.Hour)})))
	got = list(monitor.DriftQuery{})
	assert.Equal(t, "topic", got.Branch, "the branch of the last run")
	assert.Empty(t, got.Results)
}
