package sqlite_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// someWrites is a context that ends when a DB has asked it before some writes.
type someWrites struct {
	context.Context
	left atomic.Int64
}

func (c *someWrites) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// removeSome goes on with the deletion, for so many transactions. It returns false when the deletion is complete.
func removeSome(t *testing.T, db *sqlite.DB, writes int) bool {
	t.Helper()
	d, err := db.NextDeletion(t.Context())
	require.NoError(t, err)
	if d == nil {
		return false
	}
	ctx := &someWrites{Context: t.Context()}
	ctx.left.Store(int64(writes))
	if err = db.DeleteRecords(ctx, d); err != nil {
		require.ErrorIs(t, err, context.Canceled)
		return true
	}
	require.NoError(t, db.SweepDeletion(t.Context(), d))
	require.NoError(t, db.EndDeletion(t.Context(), d))
	return false
}

// A sound file stays sound at each moment of a removal, and after a kill at each moment.
func TestVerifyFindsNothingWhileAProjectIsRemoved(t *testing.T) {
	db, path := newDB(t, utcZones())
	open(t, db)
	fillTwoProjects(t, db, 1100)
	_, err := db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	for writes := 1; ; writes++ {
		more, asked := true, false
		v, err := sqlite.Verify(t.Context(), path, func(_, _ int64) {
			if !asked {
				asked, more = true, removeSome(t, db, writes)
			}
		})
		require.NoError(t, err)
		require.True(t, asked)
		require.Empty(t, v.Findings, "a removal goes on meanwhile")
		require.Contains(t, v.Notes, "Records were being removed. So the sums of each session were not compared with the records: verify again afterwards.")
		v = verified(t, path)
		require.Empty(t, v.Findings, "a removal stands still")
		v = verified(t, killed(t, path))
		require.Empty(t, v.Findings, "the removal was interrupted by a kill")
		require.Empty(t, v.Notes)
		if !more {
			break
		}
	}
	assert.Empty(t, verified(t, path).Notes)

	// The numbers of removed sessions are given to new ones.
	asked := false
	_, err = db.AddDeletion(t.Context(), "shop")
	require.NoError(t, err)
	again := record(measured("other", "test_1", arrival.Add(time.Hour)))
	v, err := sqlite.Verify(t.Context(), path, func(_, _ int64) {
		if !asked {
			asked = true
			removeSome(t, db, 1000)
			appendAll(t, db, record(machine("other")), record(process("other", arrival)), again)
		}
	})
	require.NoError(t, err)
	require.True(t, asked)
	assert.Empty(t, v.Findings)
	assert.False(t, again.Repeat)
	assert.Len(t, listed(t, db.Metrics(t.Context(), monitor.MetricQuery{}, monitor.Page{})), 1)
}

// What is damaged is found also while a project is removed.
func TestVerifyComparesSumsWhileARemovalStandsStill(t *testing.T) {
	db, path := newDB(t, utcZones())
	open(t, db)
	fillTwoProjects(t, db, 40)
	_, err := db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.True(t, removeSome(t, db, 2))
	left := killed(t, path)
	_, err = raw(t, left).Exec("UPDATE tallies SET metrics = metrics + 1")
	require.NoError(t, err)
	findings := verified(t, left).Findings
	require.Len(t, findings, 1, "only the tally of the other project is there")
	assert.Equal(t, "tallies", findings[0].Where)
}

// At each moment of a removal the answers are as if the project had never been there.
func TestNobodySeesAProjectThatIsRemoved(t *testing.T) {
	db, _ := newDB(t, utcZones())
	open(t, db)
	fillTwoProjects(t, db, 80)
	tagged := record(process("tagged", arrival))
	tagged.Project, tagged.Session.Description = "gone", `{"pipeline_branch": "main", "pipeline_build_no": "7"}`
	appendAll(t, db, tagged)
	var bury []monitor.DeadLetter // of each record
	for _, p := range next(t, db) {
		bury = append(bury, monitor.DeadLetter{Dest: dest, Seq: p.Seq, Class: p.Class(), Reason: "x"})
	}
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Bury: bury}))
	before := answersOf(t, db, "shop")
	require.NotEqual(t, before, answersOf(t, db, ""))
	_, err := db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	for writes := 1; removeSome(t, db, writes); writes++ {
		require.Equal(t, before, answersOf(t, db, "shop"))
		require.Equal(t, before, answersOf(t, db, ""))
		projects, err := db.Projects(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"shop"}, projects)
		status, err := db.ProjectStatus(t.Context(), arrival)
		require.NoError(t, err)
		require.Len(t, status, 1)
		require.NoError(t, db.EachLetter(t.Context(), monitor.LetterQuery{}, func(l monitor.Letter) error {
			require.Equal(t, "shop", l.Project)
			return nil
		}))
	}
}

// Numbers that follow each other and are removed before they were delivered are stored as ranges.
func TestRemovedNumbersAreStoredAsRanges(t *testing.T) {
	db, path := newDB(t, utcZones())
	open(t, db)
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{}))
	appendAll(t, db, record(process("s", arrival)))
	for i := range 30 {
		rec := record(measured("s", "test_1", arrival.Add(time.Duration(i)*time.Second)))
		if rec.Project = "gone"; i == 20 {
			rec.Project = "shop"
		}
		appendAll(t, db, rec)
	}
	_, err := db.AddDeletion(t.Context(), "gone")
	require.NoError(t, err)
	require.False(t, removeSome(t, db, 1000))
	assert.Equal(t, []string{"2 21", "23 31"}, rowsOf(t, raw(t, path), "SELECT first, last FROM not_owed ORDER BY first"))
	assert.Len(t, next(t, db), 2)
}
