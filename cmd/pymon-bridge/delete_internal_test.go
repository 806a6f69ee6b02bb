package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// deleted runs the command on a file with one session, after prepare.
func deleted(t *testing.T, prepare func(db *sqlite.DB), flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir, logger := t.TempDir(), slog.New(slog.DiscardHandler)
	db := sqlite.New(filepath.Join(dir, sqlite.FileName), monitor.Zones{Server: time.UTC}, logger)
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: "gone", Received: time.Now(),
		Session: &monitor.Session{SessionH: "s", RunDate: "2026-11-22T12:00:00"}}}))
	prepare(db)
	require.NoError(t, db.Close())
	var out, errs bytes.Buffer
	c := &deleteCmd{dataFlags: dataFlags{Data: dir}, Project: "gone", Yes: true, Forget: slices.Contains(flags, "--forget")}
	err = c.Run(context.Background(), &Main{Stdout: &out, Stderr: &errs}, logger)
	return out.String(), errs.String(), err
}

// The file knows where it was delivered to. What still has points is named, before the question and at the end, until it is
// forgotten.
func TestDeleteNamesWhatStillHasPoints(t *testing.T) {
	twoDestinations := func(db *sqlite.DB) {
		for _, dest := range []monitor.Destination{"http://old/pytest", "http://new/pytest"} {
			require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: 1}))
		}
		_, err := db.Cursor(t.Context(), "http://never")
		require.NoError(t, err)
	}
	stdout, stderr, err := deleted(t, twoDestinations)
	assert.Contains(t, stdout, "Removed 1 record")
	assert.Contains(t, stderr, "The file was delivered to http://old/pytest and http://new/pytest. "+
		"No InfluxDB is set, so points of the project stay there.")
	require.Error(t, err)
	assert.Contains(t, err.Error(), "http://old/pytest and http://new/pytest may still have points of project gone")

	stdout, _, err = deleted(t, twoDestinations, "--forget")
	require.NoError(t, err)
	assert.Contains(t, stdout, "http://old/pytest and http://new/pytest may still have points of it, which is forgotten now.")

	stdout, stderr, err = deleted(t, func(*sqlite.DB) {})
	require.NoError(t, err)
	assert.Contains(t, stdout, "No InfluxDB is set, so none was asked to delete points.")
	assert.NotContains(t, stderr, "delivered")
}

// An InfluxDB that the bridge does not deliver to any more makes no deletion fail, and is named.
func TestDeleteDoesNotFailForAFormerInfluxDB(t *testing.T) {
	const old, now = monitor.Destination("http://old"), monitor.Destination("http://now")
	for name, tt := range map[string]struct {
		asked  monitor.Destination
		served bool
		failed string
		left   []monitor.Destination
		stdout string
		err    string
	}{
		"deleted everywhere":      {asked: now, stdout: "Deleted its points from http://now.\n"},
		"a former one":            {asked: now, left: []monitor.Destination{old}, stdout: "http://old may still have points of it"},
		"a bridge without one":    {served: true, left: []monitor.Destination{old}, stdout: "http://old may still have points of it"},
		"the present one refuses": {asked: now, failed: "denied", left: []monitor.Destination{old, now}, stdout: "http://old may still", err: "http://now still has points of project gone"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := (&deleteCmd{Project: "gone"}).print(&Main{Stdout: &out}, &deleteResult{Project: "gone",
				DeletionState: monitor.DeletionState{Dest: tt.asked, Error: tt.failed}, Left: tt.left, served: tt.served})
			assert.Contains(t, out.String(), tt.stdout)
			assert.NotContains(t, out.String(), "http://now may")
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
			assert.NotContains(t, err.Error(), "http://old")
		})
	}
}

// After the last token nobody can use the bridge.
func TestDeleteWarnsOfTheLastToken(t *testing.T) {
	const warning = "It has the last token that stays valid: after this nobody can use the bridge until you add one."
	token := func(project string, n byte) func(db *sqlite.DB) {
		return func(db *sqlite.DB) {
			_, err := db.AddToken(t.Context(), monitor.Token{Project: project, Hash: [32]byte{n}})
			require.NoError(t, err)
		}
	}
	_, stderr, err := deleted(t, token("gone", 1))
	require.NoError(t, err)
	assert.Contains(t, stderr, warning)
	_, stderr, err = deleted(t, func(db *sqlite.DB) { token("gone", 1)(db); token("shop", 2)(db) })
	require.NoError(t, err)
	assert.NotContains(t, stderr, warning)
	_, stderr, err = deleted(t, token("shop", 2))
	require.NoError(t, err)
	assert.NotContains(t, stderr, warning)
}

// The advice is to move the data directory away, and the new one to its place.
func TestRecoverRefusesATargetInsideTheSource(t *testing.T) {
	dir := t.TempDir()
	for _, into := range []string{dir, filepath.Join(dir, "sub"), filepath.Join(dir, "a", "..", "b", "c")} {
		c := &recoverCmd{dataFlags: dataFlags{Data: dir}, Into: into}
		err := c.Validate()
		require.Error(t, err, into)
		assert.Contains(t, err.Error(), "--into: expected a directory outside of --data")
	}
	for _, into := range []string{dir + "-recovered", filepath.Dir(dir), filepath.Join(dir, "..", "other")} {
		assert.NoError(t, (&recoverCmd{dataFlags: dataFlags{Data: dir}, Into: into}).Validate(), into)
	}
}
