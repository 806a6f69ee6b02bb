package sqlite_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func TestAckMovesTheCursorAndParks(t *testing.T) {
	db, _ := openNew(t)
	now := arrival.Add(time.Hour)
	db.Now = func() time.Time { return now }
	mixed(t, db)
	ctx := t.Context()
	requireCursor := func(d monitor.Destination, want uint64, why string) {
		t.Helper()
		cursor, err := db.Cursor(ctx, d)
		require.NoError(t, err)
		require.Equal(t, want, cursor, why)
	}
	requireCursor(dest, 0, "a new destination")
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{Cursor: 10, Park: []uint64{8, 3, 5}}))
	requireCursor(dest, 10, "acknowledged")
	requireCursor("another", 0, "each destination has a cursor of its own")

	parked, err := db.Parked(ctx, dest, 0, 100)
	require.NoError(t, err)
	require.Len(t, parked, 3)
	for i, seq := range []uint64{3, 5, 8} {
		assert.Equal(t, seq, parked[i].Seq)
		assert.True(t, now.Equal(parked[i].Since))
		assert.Equal(t, "tests.test_shop", parked[i].Metric.ItemPath)
	}
	page, err := db.Parked(ctx, dest, 3, 1)
	require.NoError(t, err)
	require.Len(t, page, 1)
	assert.Equal(t, uint64(5), page[0].Seq, "the next one after 3")
	assert.True(t, now.Equal(page[0].Since))
	elsewhere, err := db.Parked(ctx, "another", 0, 100)
	require.NoError(t, err)
	assert.Empty(t, elsewhere)

	first := now
	now = now.Add(time.Minute)
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{Cursor: 2, Park: []uint64{3}, Unpark: []uint64{5, 8}}))
	requireCursor(dest, 10, "the cursor never goes back")
	parked, err = db.Parked(ctx, dest, 0, 100)
	require.NoError(t, err)
	require.Len(t, parked, 1)
	assert.True(t, first.Equal(parked[0].Since), "it keeps the time when it was parked first")
}

func TestAckBuries(t *testing.T) {
	db, _ := openNew(t)
	db.Now = func() time.Time { return arrival.Add(time.Hour) }
	all := mixed(t, db)
	ctx := t.Context()
	letter := monitor.DeadLetter{Dest: dest, Seq: 4, Class: monitor.ClassMetric, Status: 422,
		Reason: "field type conflict", At: arrival}
	undated := letter
	undated.Seq, undated.At, undated.Reason = 8, time.Time{}, "outside retention"
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{
		Cursor: 10, Park: []uint64{3, 8}, Bury: []monitor.DeadLetter{letter}}))
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{Bury: []monitor.DeadLetter{letter, undated}}))

	undated.At = arrival.Add(time.Hour)
	requireLetters := func(d monitor.Destination, max int, want ...monitor.DeadLetter) {
		t.Helper()
		letters, err := db.DeadLetters(ctx, d, max)
		require.NoError(t, err)
		require.Equal(t, want, letters)
	}
	requireLetters(dest, 10, letter, undated)
	requireLetters("", 1, letter)
	requireLetters("another", 1)

	stats, err := db.Stats(ctx, dest)
	require.NoError(t, err)
	behind := 0
	for _, rec := range all {
		if rec.Seq > 10 {
			behind++
		}
	}
	assert.Equal(t, int64(behind+1), stats.Depth)
	assert.Equal(t, int64(1), stats.Parked, "a dead letter is not parked")
	assert.Equal(t, int64(2), stats.DeadLetters)
}

func TestPinnedOriginsStay(t *testing.T) {
	db, _ := openNew(t)
	appendAll(t, db, record(measured("s1", "test_a", arrival)), record(measured("s1", "test_b", arrival)))
	first := monitor.Origin{Env: monitor.UnknownEnv, Run: "s1", ScmRef: "c", Branch: "main", Build: "7"}
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{2: first}))
	require.NoError(t, db.PinOrigins(t.Context(), map[uint64]monitor.Origin{2: {Env: "other"}}))
	require.NoError(t, db.PinOrigins(t.Context(), nil))
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Park: []uint64{2}}))

	pending := next(t, db)
	assert.Nil(t, pending[0].Pinned)
	assert.Equal(t, &first, pending[1].Pinned)
	parked, err := db.Parked(t.Context(), dest, 0, 100)
	require.NoError(t, err)
	assert.Equal(t, &first, parked[0].Pinned)
}

func TestStatsOfANewDestination(t *testing.T) {
	db, path := openNew(t)
	stats, err := db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.Zero(t, stats.Depth)
	assert.Zero(t, stats.Oldest)

	fetched := record(machine("fetched"))
	fetched.Source = dest
	old, young := record(process("s1", arrival)), record(measured("s1", "test_a", arrival))
	fetched.Received, old.Received = arrival.Add(-2*time.Hour), arrival.Add(-time.Hour)
	appendAll(t, db, fetched, old, young)
	stats, err = db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.Equal(t, int64(2), stats.Depth)
	assert.True(t, old.Received.Equal(stats.Oldest))
	assert.GreaterOrEqual(t, stats.Bytes, size(path))
	assert.Positive(t, stats.Free)

	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: young.Seq, Park: []uint64{young.Seq}}))
	stats, err = db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.True(t, young.Received.Equal(stats.Oldest), "parked")
	require.NoError(t, db.Ack(t.Context(), dest, monitor.Acknowledgement{Cursor: young.Seq, Unpark: []uint64{young.Seq}}))
	stats, err = db.Stats(t.Context(), dest)
	require.NoError(t, err)
	assert.Zero(t, stats.Depth)
	assert.Zero(t, stats.Oldest)
}

func TestMetadataIsFoundByHash(t *testing.T) {
	db, _ := openNew(t)
	for _, project := range []string{"zoo", "art"} {
		c, s := record(machine("AB_c")), record(process("AB_c", arrival))
		c.Project, s.Project = project, project
		c.Context.MachineNode, s.Session.Description = project, project
		appendAll(t, db, c, s)
	}
	for project, want := range map[string]string{"zoo": "zoo", "art": "art", "": "zoo"} {
		c, err := db.Context(t.Context(), project, "AB_c")
		require.NoError(t, err)
		assert.Equal(t, want, c.MachineNode)
		s, err := db.Session(t.Context(), project, "AB_c")
		require.NoError(t, err)
		assert.Equal(t, want, s.Description)
	}
	for _, of := range [][2]string{{"zoo", "AB_"}, {"zoo", "ab_c"}, {"zoo", "AB%"}, {"shop", "AB_c"}} {
		_, err := db.Context(t.Context(), of[0], of[1])
		assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
		_, err = db.Session(t.Context(), of[0], of[1])
		assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
	}
}

func TestMetadataIsFoundByPrefix(t *testing.T) {
	db, _ := openNew(t)
	hashes := []string{"abc", "ab", "ab%", "ab\xff\xff", "ab\xff", "ac", "AB", "b", "\xff"}
	for _, h := range hashes {
		appendAll(t, db, record(machine(h)), record(process(h, arrival)))
	}
	other := record(machine("ab"))
	other.Project = "zoo"
	appendAll(t, db, other)
	for _, c := range []struct {
		project, prefix string
		max             int64
		want            []string
	}{
		{"shop", "ab", 9, []string{"ab", "ab%", "abc", "ab\xff", "ab\xff\xff"}},
		{"", "ab", 3, []string{"ab", "ab", "ab%"}},
		{"zoo", "a", 9, []string{"ab"}},
		{"shop", "ab\xff", 9, []string{"ab\xff", "ab\xff\xff"}},
		{"shop", "\xff", 9, []string{"\xff"}},
		{"shop", "_", 9, nil},
		{"shop", "", 4, []string{"AB", "ab", "ab%", "abc"}},
		{"nobody", "", 4, nil},
	} {
		var got []string
		query := monitor.ContextQuery{Project: c.project, HashPrefix: c.prefix}
		for found, err := range db.Contexts(t.Context(), query, monitor.Page{Limit: c.max}) {
			require.NoError(t, err)
			got = append(got, found.H)
		}
		assert.Equal(t, c.want, got, "%q of %q", c.prefix, c.project)
	}
	var sessions []string
	for found, err := range db.Sessions(t.Context(), monitor.SessionQuery{Project: "shop", HashPrefix: "ab"}, monitor.Page{}) {
		require.NoError(t, err)
		sessions = append(sessions, found.SessionH)
	}
	assert.ElementsMatch(t, []string{"ab", "abc", "ab%", "ab\xff\xff", "ab\xff"}, sessions)
}

func TestTokens(t *testing.T) {
	db, path := openNew(t)
	db.Now = func() time.Time { return arrival }
	beside := dbAt(path, utcZones())
	require.NoError(t, beside.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, beside.Close()) })

	access := func() monitor.Access {
		list, err := db.Tokens(t.Context())
		require.NoError(t, err)
		return list.Access()
	}
	a := monitor.Token{Project: "shop", Label: "ci", Hash: [32]byte{1, 0, 255}}
	assert.Equal(t, monitor.AccessOpen, access(), "before the first token")
	id, err := beside.AddToken(t.Context(), a)
	require.NoError(t, err)
	b := monitor.Token{Project: "zoo", Scopes: []monitor.Scope{monitor.ScopeRead}, Created: arrival, Hash: [32]byte{2}}
	second, err := db.AddToken(t.Context(), b)
	require.NoError(t, err)
	_, err = db.AddToken(t.Context(), b)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))

	list, err := db.Tokens(t.Context())
	require.NoError(t, err)
	tokens := list.Valid
	require.Len(t, tokens, 2, "changes by another process are seen")
	assert.Equal(t, a.Hash, tokens[0].Hash)
	assert.Equal(t, "ci", tokens[0].Label)
	assert.WithinDuration(t, time.Now(), tokens[0].Created, time.Hour)
	b.ID = second
	assert.Equal(t, b, tokens[1])

	require.NoError(t, beside.RevokeToken(t.Context(), second))
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(db.RevokeToken(t.Context(), second)))
	require.NoError(t, beside.RevokeToken(t.Context(), id))
	assert.Equal(t, monitor.AccessClosed, access(), "after the last token is revoked")
	third, err := db.AddToken(t.Context(), b)
	require.NoError(t, err)
	assert.NotContains(t, []int64{id, second}, third, "an ID is given only once")
}

func TestASharedFileTakesNoRecords(t *testing.T) {
	_, path := openNew(t)
	beside := dbAt(path, utcZones())
	require.NoError(t, beside.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, beside.Close()) })
	for _, err := range []error{
		beside.Append(t.Context(), []*monitor.Record{record(machine("m"))}),
		beside.PinOrigins(t.Context(), map[uint64]monitor.Origin{1: {}}),
		beside.Ack(t.Context(), dest, monitor.Acknowledgement{}),
	} {
		require.Error(t, err)
		assert.Contains(t, err.Error(), "beside the process")
	}
	_, err := beside.Stats(t.Context(), dest)
	assert.NoError(t, err)
}

func TestCancelledCallsStoreNothing(t *testing.T) {
	db, _ := openNew(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, db.Append(ctx, []*monitor.Record{record(machine("m"))}), context.Canceled)
	_, err := db.Next(ctx, dest, 0, 10)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, next(t, db))
}

func TestTextsAreBytes(t *testing.T) {
	db, _ := openNew(t)
	odd := "a\x00b\n\r\t\x1b\x7f\\\"'%_\xed\xb3\xbf\xff\xc3" + strings.Repeat("é😀", 2000)
	m := measured(odd, odd, arrival)
	m.ContextH, m.ItemPath, m.ItemVariant, m.ItemFSLoc, m.Kind, m.Component = odd, odd, odd, odd, odd, odd
	c, s := machine(odd), process(odd, arrival)
	c.MachineNode, c.PythonInfo, c.CPUVendor = odd, odd, monitor.Text{Null: true}
	s.ScmRef, s.Description = monitor.Text{String: odd}, odd
	want := []*monitor.Record{record(m), record(c), record(s)}
	appendAll(t, db, want...)
	pending := next(t, db)
	assert.Equal(t, m, pending[0].Metric)
	assert.Equal(t, c, pending[1].Context)
	pending[2].Session.Tags = nil
	assert.Equal(t, s, pending[2].Session)
}
