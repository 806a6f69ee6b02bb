package influx_test

import (
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/test/harness"
)

// TestManySessions asks for lists of sessions, runs and names among sessions of two projects that have the same hashes
// and much to say, and holds how much of it is read.
func TestManySessions(t *testing.T) {
	t.Parallel()
	cfg := settings(harness.SharedInflux(t))
	read := &readBytes{}
	cfg.Transport = read
	b := mustBridge(t, cfg)
	const sessions, said = 600, 4000
	var records []*monitor.Record
	for n := range sessions {
		at := start.Add(time.Duration(n) * time.Hour)
		description := fmt.Sprintf(`{"pipeline_branch": "main", "pipeline_build_no": "%d", "run": "run-%d", "text": %q}`, n%40, n/2,
			strings.Repeat(hashOf("text", n), said/32))
		if n%20 == 0 {
			description = description[:len(description)-1] + `, "nightly": "yes"}`
		}
		for _, project := range []string{"shop", "bank"} {
			s := &monitor.Session{SessionH: hashOf("session", n), RunDate: at.Format("2006-01-02T15:04:05"), Description: description,
				Tags: wire.ParseDescription(description), ScmRef: monitor.Text{String: hashOf("commit", n/30), Null: n%3 == 0}}
			records = append(records, &monitor.Record{Project: project, Received: at, Session: s})
		}
	}
	b.write(t, records)
	commit := monitor.Match{Field: monitor.FieldScmRef, Text: hashOf("commit", 7)}
	tagged := []monitor.TagMatch{{Name: "nightly"}}
	last := monitor.Page{Offset: sessions - 10, Limit: 10}
	for name, c := range map[string]struct {
		ask func(store monitor.Store) any
		max int64 // how many sessions' worth is read
	}{
		"first page": {listOf(t, monitor.SessionQuery{Project: "shop"}, monitor.Page{Limit: 10}), 100},
		"last page":  {listOf(t, monitor.SessionQuery{Project: "shop"}, last), 100},
		"everything": {listOf(t, monitor.SessionQuery{}, monitor.Page{}), 2000},
		"commit":     {listOf(t, monitor.SessionQuery{Project: "shop", ScmRef: &commit}, monitor.Page{}), 100},
		"tag, last":  {listOf(t, monitor.SessionQuery{Project: "shop", Tags: tagged}, monitor.Page{Offset: 20, Limit: 20}), 1000},
		"tag, all":   {listOf(t, monitor.SessionQuery{Tags: tagged}, monitor.Page{}), 3000},
		"number": {func(store monitor.Store) any {
			n, err := store.CountSessions(t.Context(), monitor.SessionQuery{Project: "shop", ScmRef: &commit})
			require.NoError(t, err)
			return n
		}, 50},
		"runs": {func(store monitor.Store) any {
			return gathered(t, store.Runs(t.Context(), monitor.RunQuery{Project: "shop"}, monitor.Page{Offset: 280, Limit: 5}))
		}, 100},
		"number of runs": {func(store monitor.Store) any {
			n, err := store.CountRuns(t.Context(), monitor.RunQuery{})
			require.NoError(t, err)
			require.EqualValues(t, sessions, n, "half as many in each project")
			return n
		}, 150},
		"builds": {func(store monitor.Store) any {
			return gathered(t, store.Names(t.Context(), monitor.NameQuery{Project: "shop", Of: monitor.PipelineBuilds, Pipeline: "main"}, monitor.Page{}))
		}, 700},
	} {
		want := c.ask(b.db.Store())
		read.n.Store(0)
		assert.Equal(t, want, c.ask(b.writer.Store()), name)
		assert.Less(t, read.n.Load(), c.max*said, name)
	}
}

// listOf asks for a list of sessions.
func listOf(t *testing.T, q monitor.SessionQuery, p monitor.Page) func(store monitor.Store) any {
	return func(store monitor.Store) any {
		all := gathered(t, store.Sessions(t.Context(), q, p))
		require.NotEmpty(t, all)
		return all
	}
}

func gathered[T any](t *testing.T, list iter.Seq2[T, error]) (all []T) {
	t.Helper()
	for v, err := range list {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

// readBytes counts what InfluxDB answers.
type readBytes struct{ n atomic.Int64 }

func (r *readBytes) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		resp.Body = &countedBody{resp.Body, &r.n}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
