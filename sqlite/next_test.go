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
			c.Source, c.Context.Env = dest, "as it was delivered"
		case 2:
			s.Source, s.Session.Run = dest, s.Session.SessionH
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

// largeRecords returns functions that make records with a text. Each function puts the text where records of a kind
// have it.
func largeRecords(text string) map[string]func(i int) *monitor.Record {
	return map[string]func(i int) *monitor.Record{
		"metrics": func(i int) *monitor.Record {
			m := measured("s", fmt.Sprint("test_", i), arrival)
			m.ItemVariant = fmt.Sprint(i, text)
			return record(m)
		},
		"metrics of one test": func(i int) *monitor.Record {
			m := measured("s", "test", arrival.Add(time.Duration(i)*time.Second))
			m.ItemVariant = text
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
			return record(&monitor.Context{H: fmt.Sprint(i), MachineNode: text})
		},
		"sessions": func(i int) *monitor.Record {
			s := process(fmt.Sprint(i), arrival)
			s.Description = fmt.Sprint(i, text)
			return record(s)
		},
	}
}

// A record can be as large as a request, so a limit on the number of records does not bound memory.
func TestNextReadsFewLargeRecords(t *testing.T) {
	const megabyte = 1 << 20
	for name, large := range largeRecords(strings.Repeat("x", megabyte)) {
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

// Parked records are read page by page, so a page must cost the same however many others there are. In a repaired file that
// lacks records, only the last page has fewer than asked for.
func TestPagesOfParkedRecords(t *testing.T) {
	const many = 20_000
	db, path := openNew(t)
	l := newLoad()
	appendAll(t, db, l.records(many)...)
	park := func(to monitor.Destination, n uint64) {
		a := monitor.Acknowledgement{Cursor: many}
		for seq := many - n + 1; seq <= many; seq++ {
			a.Park = append(a.Park, seq)
		}
		require.NoError(t, db.Ack(t.Context(), to, a))
	}
	park("few", 20)
	park("many", many-10)
	for _, to := range []monitor.Destination{"few", "many"} {
		require.NoError(t, db.Ack(t.Context(), to, monitor.Acknowledgement{SetAside: []uint64{many}}))
	}
	type reads func(context.Context, monitor.Destination, uint64, int) ([]monitor.Pending, error)
	cost := func(read reads, to monitor.Destination, n int) time.Duration {
		least := time.Hour
		for range 20 {
			start := time.Now()
			pending, err := read(t.Context(), to, 0, 10)
			least = min(least, time.Since(start))
			require.NoError(t, err)
			require.Len(t, pending, n)
		}
		return least
	}
	assert.Less(t, cost(db.Parked, "many", 10), 10*cost(db.Parked, "few", 10), "the least of many times shows the work, not the machine")
	assert.Less(t, cost(db.Aside, "many", 1), 3*cost(db.Aside, "few", 1))

	_, err := raw(t, path).Exec("DELETE FROM metrics WHERE seq BETWEEN 100 AND 500")
	require.NoError(t, err)
	for _, after := range []uint64{0, 90, 95, 99, 450} {
		pending, err := db.Parked(t.Context(), "many", after, 10)
		require.NoError(t, err)
		assert.Len(t, pending, 10, "after %d", after)
	}
}
