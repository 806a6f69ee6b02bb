package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// mixed stores contexts, sessions and metrics, some of them read from dest. It returns the records that are owed to
// dest.
func mixed(t *testing.T, db monitor.Journal) []*monitor.Record {
	t.Helper()
	var deliver []*monitor.Record
	for i := range 6 {
		c, s := record(machine(fmt.Sprint("machine", i))), record(process(fmt.Sprint("s", i), arrival))
		s.Session.Description = `{"k": "` + fmt.Sprint(i) + `"}`
		switch i % 3 {
		case 1:
			c.Source = dest
		case 2:
			s.Source = dest
		}
		recs := []*monitor.Record{c, s}
		for k := range 3 {
			recs = append(recs, record(measured(s.Session.SessionH, fmt.Sprint("test_", k), arrival)))
		}
		require.NoError(t, db.Append(t.Context(), recs))
		for _, rec := range recs {
			if rec.Source == "" {
				deliver = append(deliver, rec)
			}
		}
	}
	return deliver
}

func TestNextIsInOrderAndComplete(t *testing.T) {
	db, _ := openNew(t)
	want := mixed(t, db)
	for _, max := range []int{1, 2, 3, 7, 1000} {
		var got []uint64
		after := uint64(0)
		for {
			pending, err := db.Next(t.Context(), dest, after, max)
			require.NoError(t, err)
			require.LessOrEqual(t, len(pending), max)
			if len(pending) == 0 {
				break
			}
			for _, p := range pending {
				got = append(got, p.Seq)
				assert.Nil(t, p.Pinned)
				assert.Zero(t, p.Since)
			}
			after = pending[len(pending)-1].Seq
		}
		assert.Equal(t, seqs(want...), got, "at most %d at a time", max)
	}
}

// A record can be as large as a request, so a limit on the number of records does not bound memory.
func TestNextReadsFewLargeRecords(t *testing.T) {
	const megabyte = 1 << 20
	text := strings.Repeat("x", megabyte)
	tests := map[string]func(i int) *monitor.Record{
		"metrics": func(i int) *monitor.Record {
			m := measured("s", fmt.Sprint("test_", i), arrival)
			m.ItemVariant = fmt.Sprint(i, text)
			return record(m)
		},
		"metrics whose texts are kept as sent": func(i int) *monitor.Record {
			m := measured("s", "test", arrival.Add(time.Duration(i)*time.Second))
			m.ItemVariant = fmt.Sprintf("<object at 0x%x>%s", i, text)
			return record(m)
		},
		"metrics with large hashes": func(i int) *monitor.Record {
			return record(measured(fmt.Sprint(i, text), "test", arrival))
		},
		"outcomes with large node ids": func(i int) *monitor.Record {
			return record(became("s", fmt.Sprint(i, text), arrival))
		},
		"contexts": func(i int) *monitor.Record {
			return record(&monitor.Context{H: fmt.Sprint(i), PythonInfo: text})
		},
		"sessions": func(i int) *monitor.Record {
			s := process(fmt.Sprint(i), arrival)
			s.Description = fmt.Sprint(i, text)
			return record(s)
		},
	}
	for name, large := range tests {
		t.Run(name, func(t *testing.T) {
			db, _ := openNew(t)
			var want []*monitor.Record
			for i := range 15 {
				small := measured("s", fmt.Sprint("small_", i), arrival)
				want = append(want, large(i), record(small))
			}
			appendAll(t, db, want...)
			var got []uint64
			for after := uint64(0); after < uint64(len(want)); after = got[len(got)-1] {
				pending, err := db.Next(t.Context(), dest, after, 5000)
				require.NoError(t, err)
				require.NotEmpty(t, pending)
				bytes := 0
				for _, p := range pending {
					got = append(got, p.Seq)
					bytes += p.Size()
				}
				assert.LessOrEqual(t, bytes, 10*megabyte)
			}
			assert.Equal(t, seqs(want...), got)
		})
	}
}

func TestNextReturnsRecordsAsAccepted(t *testing.T) {
	db, _ := openNew(t)
	want := mixed(t, db)
	for i, p := range next(t, db) {
		w := want[i]
		assert.Equal(t, w.Project, p.Project)
		assert.True(t, w.Received.Equal(p.Received))
		assert.Equal(t, w.Context, p.Context)
		assert.Equal(t, w.Metric, p.Metric)
		if w.Session != nil {
			w.Session.Tags = p.Session.Tags // parsed from the description
			assert.NotEmpty(t, p.Session.Tags)
			assert.Equal(t, w.Session, p.Session)
			assert.Equal(t, w.Client, p.Client)
		}
	}
}

func TestAckMovesTheCursorParksAndBuries(t *testing.T) {
	db, _ := openNew(t)
	now := arrival.Add(time.Hour)
	db.Now = func() time.Time { return now }
	want := mixed(t, db)
	ctx := t.Context()
	cursor := func(d monitor.Destination) uint64 {
		c, err := db.Cursor(ctx, d)
		require.NoError(t, err)
		return c
	}
	assert.Zero(t, cursor(dest))

	letter := monitor.DeadLetter{Dest: dest, Seq: 4, Class: monitor.ClassMetric, Status: 422,
		Reason: "field type conflict", At: arrival}
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{
		Cursor: 10, Park: []uint64{8, 3, 5}, Bury: []monitor.DeadLetter{letter}}))
	assert.Equal(t, uint64(10), cursor(dest))
	assert.Zero(t, cursor("another"), "each destination has a cursor of its own")

	parked, err := db.Parked(ctx, dest)
	require.NoError(t, err)
	require.Len(t, parked, 3)
	for i, seq := range []uint64{3, 5, 8} {
		assert.Equal(t, seq, parked[i].Seq)
		assert.True(t, now.Equal(parked[i].Since))
		assert.Equal(t, "tests.test_shop", parked[i].Metric.ItemPath)
	}
	elsewhere, err := db.Parked(ctx, "another")
	require.NoError(t, err)
	assert.Empty(t, elsewhere)

	first := now
	now = now.Add(time.Minute)
	again := letter
	again.Seq, again.At, again.Reason = 8, time.Time{}, "outside retention"
	require.NoError(t, db.Ack(ctx, dest, monitor.Acknowledgement{
		Cursor: 2, Park: []uint64{3}, Unpark: []uint64{5}, Bury: []monitor.DeadLetter{letter, again}}))
	assert.Equal(t, uint64(10), cursor(dest), "the cursor never goes back")
	parked, err = db.Parked(ctx, dest)
	require.NoError(t, err)
	require.Len(t, parked, 1)
	assert.True(t, first.Equal(parked[0].Since), "it keeps the time when it was parked first")

	letters, err := db.DeadLetters(ctx, dest, 10)
	require.NoError(t, err)
	again.At = now.UTC()
	assert.Equal(t, []monitor.DeadLetter{letter, again}, letters)
	letters, err = db.DeadLetters(ctx, "", 1)
	require.NoError(t, err)
	assert.Equal(t, []monitor.DeadLetter{letter}, letters)
	letters, err = db.DeadLetters(ctx, "another", 1)
	require.NoError(t, err)
	assert.Empty(t, letters)

	stats, err := db.Stats(ctx, dest)
	require.NoError(t, err)
	behind := 0
	for _, rec := range want {
		if rec.Seq > 10 {
			behind++
		}
	}
	assert.Equal(t, int64(behind+1), stats.Depth)
	assert.Equal(t, int64(1), stats.Parked)
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
	parked, err := db.Parked(t.Context(), dest)
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

	a := monitor.Token{Project: "shop", Label: "ci", Hash: [32]byte{1, 0, 255}}
	id, err := beside.AddToken(t.Context(), a)
	require.NoError(t, err)
	b := monitor.Token{Project: "zoo", Created: arrival, Hash: [32]byte{2}}
	second, err := db.AddToken(t.Context(), b)
	require.NoError(t, err)
	_, err = db.AddToken(t.Context(), b)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))

	tokens, err := db.Tokens(t.Context())
	require.NoError(t, err)
	require.Len(t, tokens, 2, "changes by another process are seen")
	assert.Equal(t, a.Hash, tokens[0].Hash)
	assert.Equal(t, "ci", tokens[0].Label)
	assert.WithinDuration(t, time.Now(), tokens[0].Created, time.Hour)
	b.ID = second
	assert.Equal(t, b, tokens[1])

	require.NoError(t, beside.RevokeToken(t.Context(), second))
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(db.RevokeToken(t.Context(), second)))
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
