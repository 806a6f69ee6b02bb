package sqlite_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// TestRunsAreReadFromTheNewestOn checks that a question about runs reads no more of a long history than its answer needs:
// it begins in an index that has the sessions in the order of the answer, and sorts only runs of the same nanosecond.
func TestRunsAreReadFromTheNewestOn(t *testing.T) {
	db, _ := openNew(t)
	branch := "main"
	for _, tt := range []struct {
		query monitor.RunInfoQuery
		begin string
	}{
		{monitor.RunInfoQuery{}, "SEARCH s USING INDEX sessions_project (project=?)"},
		{monitor.RunInfoQuery{Before: 1}, "SEARCH s USING INDEX sessions_project (project=? AND utc_ns<?)"},
		{monitor.RunInfoQuery{Branch: &branch}, "SEARCH s USING INDEX sessions_branch (project=? AND branch=?)"},
		{monitor.RunInfoQuery{Branch: &branch, Before: 1}, "SEARCH s USING INDEX sessions_branch (project=? AND branch=? AND utc_ns<?)"},
		{monitor.RunInfoQuery{ScmRef: "c0ffee"}, "SEARCH s USING INDEX sessions_scm (scm_ref=?)"},
		{monitor.RunInfoQuery{ScmRef: "c0ffee", Branch: &branch, Before: 1}, "SEARCH s USING INDEX sessions_scm (scm_ref=? AND utc_ns<?)"},
		{monitor.RunInfoQuery{Run: "run", ScmRef: "c0ffee", Branch: &branch}, "SEARCH s USING INDEX sessions_run (project=? AND run=?)"},
	} {
		for _, measured := range []bool{false, true} {
			tt.query.Project, tt.query.Measured = "shop", measured
			steps, err := db.PlanOfRuns(t.Context(), tt.query)
			require.NoError(t, err)
			assert.Equal(t, tt.begin, steps[0])
			for _, step := range steps[1:] {
				assert.False(t, strings.HasPrefix(step, "SCAN"), "%s: %v", step, steps)
				assert.NotEqual(t, "USE TEMP B-TREE FOR ORDER BY", step)
			}
		}
	}
}
