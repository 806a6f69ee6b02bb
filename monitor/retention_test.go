package monitor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

// The branches of pull requests do not fill the file, and a project that rests keeps what its next run is compared with.
func TestBranchesThatEndedKeepNoNewestRuns(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	type run struct {
		project, branch string
		age             time.Duration
		newest          bool
	}
	for name, runs := range map[string][]run{
		"a pull request of long ago":    {{"shop", "main", day, true}, {"shop", "fix", 89 * day, true}, {"shop", "old", 92 * day, false}, {"shop", "main", 300 * day, true}},
		"a project that rests":          {{"zoo", "main", day, true}, {"shop", "main", 200 * day, true}, {"shop", "fix", 250 * day, true}, {"shop", "old", 295 * day, false}},
		"a date in the future":          {{"shop", "odd", -900 * day, true}, {"shop", "main", day, true}, {"shop", "main", 80 * day, true}},
		"as many of a branch as wished": {{"shop", "main", day, true}, {"shop", "main", 2 * day, true}, {"shop", "main", 3 * day, true}, {"shop", "main", 4 * day, false}},
	} {
		t.Run(name, func(t *testing.T) {
			newest := monitor.Retention{Newest: 3}.NewestRuns(now)
			for _, r := range runs {
				got := newest.Add([]monitor.RunGroup{{Project: r.project, Branch: r.branch, Env: "ci"}}, fmt.Sprint(r.age), now.Add(-r.age))
				assert.Equal(t, r.newest, got, r)
			}
		})
	}
}

// The jobs of a commit count as one, as they do where runs are compared, and those that chose other tests count by themselves.
func TestTheRunsOfTheNewestCommitsStay(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	newest := monitor.Retention{Newest: 3}.NewestRuns(now)
	for i, run := range []struct {
		commit, selection string
		newest            bool
	}{
		{"c4", "", true}, {"c4", "", true}, {"c4", "", true},
		{"c4", "", false}, // a nightly run of a branch that rests would stay for ever
		{"c3", "-k slow", true},
		{"c3", "", true}, {"c2", "", true},
		{"c1", "", false},
		{"c3", "", true},
		{"c1", "-k slow", true}, {"c0", "-k slow", true}, {"b9", "-k slow", false}, {"b9", "-k fast", true},
	} {
		group := monitor.RunGroup{Project: "shop", Branch: "main", Selection: run.selection}
		assert.Equal(t, run.newest, newest.Add([]monitor.RunGroup{group}, run.commit, now.Add(-time.Duration(i)*time.Hour)), "run %d", i)
	}
	group := monitor.RunGroup{Project: "shop", Branch: "main", Selection: "-k once"}
	assert.False(t, newest.Add([]monitor.RunGroup{group}, "a0", now.Add(-100*24*time.Hour)), "a selection of long ago")
}
