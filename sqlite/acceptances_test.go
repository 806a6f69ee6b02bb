package sqlite_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// TestAcceptances holds that what was accepted comes back as it was, whatever texts it has, until it is taken back.
func TestAcceptances(t *testing.T) {
	t.Parallel()
	db, _ := openNew(t)
	at := time.Unix(1_700_000_000, 5).UTC()
	id := monitor.ResultID{TestID: monitor.TestID{ItemPath: "tests.\xff", ItemVariant: "test[\ufffe]", Env: "ci"}, Metric: monitor.MetricCPUTime}
	accept := func(project, branch string, started time.Time) monitor.Acceptance {
		a, err := db.Accept(t.Context(), monitor.Acceptance{Project: project, Branch: branch, Run: "r\xff", ScmRef: "c", Started: started,
			AcceptedScope: monitor.AcceptedScope{Part: "tests/\xfe"}, Note: "<wanted> \x00", By: "anna", At: at, Regressions: 1,
			Results: []monitor.AcceptedResult{{ResultID: id, Since: 1<<62 + 1, Baseline: 0.1, Value: 0.2, Ratio: 2}}})
		require.NoError(t, err)
		return a
	}
	first, second := accept("shop", "main", at), accept("shop", "main", at.Add(time.Hour))
	other := accept("other", "main", at)
	assert.Equal(t, []int64{1, 2, 3}, []int64{first.ID, second.ID, other.ID})

	plain := second
	plain.Results = nil
	all, err := db.Acceptances(t.Context(), "shop")
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, plain, all[0], "the newest is first, and lists have no results")

	on, err := db.AcceptedOn(t.Context(), "shop", "main", at)
	require.NoError(t, err)
	assert.Equal(t, []monitor.Acceptance{first, second}, on)
	on, err = db.AcceptedOn(t.Context(), "shop", "main", at.Add(1))
	require.NoError(t, err)
	assert.Equal(t, []monitor.Acceptance{second}, on)
	on, err = db.AcceptedOn(t.Context(), "shop", "feature", at)
	require.NoError(t, err)
	assert.Empty(t, on)

	_, err = db.Unaccept(t.Context(), "shop", other.ID)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "of another project")
	gone, err := db.Unaccept(t.Context(), "shop", second.ID)
	require.NoError(t, err)
	assert.Equal(t, plain, gone)
	on, err = db.AcceptedOn(t.Context(), "shop", "main", at)
	require.NoError(t, err)
	assert.Equal(t, []monitor.Acceptance{first}, on)
}

// TestANumberOfAnAcceptanceIsGivenOutOnce holds that a number that was taken back stands for nothing else, after a recovery too.
func TestANumberOfAnAcceptanceIsGivenOutOnce(t *testing.T) {
	t.Parallel()
	db, path := openNew(t)
	accept := func(db *sqlite.DB) int64 {
		a, err := db.Accept(t.Context(), monitor.Acceptance{Project: "shop", Branch: "main", Started: time.Unix(1, 0)})
		require.NoError(t, err)
		return a.ID
	}
	for want := range int64(3) {
		id := accept(db)
		assert.Equal(t, want+1, id)
		_, err := db.Unaccept(t.Context(), "shop", id)
		require.NoError(t, err)
	}
	_, into, err := recovered(t, path)
	require.NoError(t, err)
	assert.Equal(t, int64(4), accept(open(t, dbAt(into, utcZones()))))
}

// TestAnAcceptanceThatCannotBeReadCostsNoReport holds that a fault in one row is no fault of the others.
func TestAnAcceptanceThatCannotBeReadCostsNoReport(t *testing.T) {
	t.Parallel()
	db, path := openNew(t)
	for range 2 {
		_, err := db.Accept(t.Context(), monitor.Acceptance{Project: "shop", Branch: "main", Started: time.Unix(1, 0)})
		require.NoError(t, err)
	}
	_, err := raw(t, path).ExecContext(t.Context(), "UPDATE acceptances SET content = x'1f8b00' WHERE id = 1")
	require.NoError(t, err)
	on, err := db.AcceptedOn(t.Context(), "shop", "main", time.Unix(0, 0))
	require.NoError(t, err)
	require.Len(t, on, 1)
	assert.Equal(t, int64(2), on[0].ID)
}

// TestWhatCannotBeReadIsFoundAndNotRecovered holds that verify names acceptances and rollups that cannot be read, and that a
// recovery drops and counts them.
func TestWhatCannotBeReadIsFoundAndNotRecovered(t *testing.T) {
	t.Parallel()
	db, path := openNew(t)
	for range 3 {
		_, err := db.Accept(t.Context(), monitor.Acceptance{Project: "shop", Branch: "main", Started: time.Unix(1, 0)})
		require.NoError(t, err)
	}
	for n := range 3 {
		require.NoError(t, db.KeepReport(t.Context(), measuredIn(n, 1)))
	}
	assert.Empty(t, verified(t, path).Findings)
	for _, statement := range []string{"UPDATE acceptances SET content = x'1f8b00' WHERE id = 1", "UPDATE acceptances SET results = 'none' WHERE id = 2",
		"UPDATE rollup_stretches SET content = x'0105FF' WHERE id = 2"} {
		_, err := raw(t, path).ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	var where []string
	for _, f := range verified(t, path).Findings {
		where = append(where, f.Where)
	}
	assert.Equal(t, []string{"acceptance 1", "acceptance 2", "rollups, stretch 2"}, where)
	r, into, err := recovered(t, path)
	require.NoError(t, err)
	for kind, want := range map[string][2]int64{"acceptances": {1, 2}, "rollups": {2, 1}} {
		i := slices.IndexFunc(r.Kinds, func(k sqlite.RecoveredKind) bool { return k.Kind == kind })
		require.GreaterOrEqual(t, i, 0, kind)
		assert.Equal(t, want, [2]int64{r.Kinds[i].Saved, r.Kinds[i].Damaged}, kind)
	}
	assert.Empty(t, verified(t, into).Findings)
}
