package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// knowsSessions is a target that has some sessions already.
type knowsSessions struct {
	importTarget
	projects map[string]string // by session
}

func (k knowsSessions) projectOf(_ context.Context, sessionH, _ string) (string, error) {
	return k.projects[sessionH], nil
}

func contextRecord(h string) *monitor.Record {
	return &monitor.Record{Context: &monitor.Context{H: h}}
}

func sessionRecord(h string) *monitor.Record {
	return &monitor.Record{Session: &monitor.Session{SessionH: h}}
}

func metricRecord(session, machine string) *monitor.Record {
	return &monitor.Record{Metric: &monitor.Metric{SessionH: session, ContextH: machine}}
}

// names returns a word for each record: project, class, and hash.
func names(recs []*monitor.Record) (all []string) {
	for _, rec := range recs {
		h := ""
		switch {
		case rec.Context != nil:
			h = rec.Context.H
		case rec.Session != nil:
			h = rec.Session.SessionH
		default:
			h = rec.Measured().SessionH
		}
		all = append(all, fmt.Sprint(rec.Project, " ", rec.Class(), " ", h))
	}
	return all
}

// TestProjectsOfAFileOfPytestMonitor holds that contexts go where they are used, so that a file whose sessions are all known
// adds nothing.
func TestProjectsOfAFileOfPytestMonitor(t *testing.T) {
	t.Parallel()
	target := knowsSessions{projects: map[string]string{"s1": "live"}}
	sort, err := (&importCmd{Project: "shop"}).sorterOf(&sqlite.Source{}, target)
	require.NoError(t, err)
	recs, err := sort.records(t.Context(), []*monitor.Record{contextRecord("c1"), contextRecord("c2"), contextRecord("unused"),
		sessionRecord("s1"), sessionRecord("s2"), metricRecord("s1", "c1"), metricRecord("s1", "c1"), metricRecord("s2", "c1"), metricRecord("s2", "c3")})
	require.NoError(t, err)
	assert.Equal(t, []string{"live session s1", "shop session s2", "live context c1", "live metric s1", "live metric s1",
		"shop context c1", "shop metric s2", "shop metric s2"}, names(recs))
	assert.ElementsMatch(t, []string{"live context c2", "live context unused"}, names(sort.rest()), "where the first session is")
	for _, rec := range recs {
		assert.NotNil(t, rec.Import)
	}
}

func TestProjectsOfABridgesFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		project string
		has     []string
		want    []string
		problem string
	}{
		"as they are":   {"", []string{"a", "b"}, []string{"a session s1", "b session s2"}, ""},
		"one of them":   {"b", []string{"a", "b"}, []string{"b session s2"}, ""},
		"renamed":       {"shop", []string{"default"}, []string{"shop session s1", "shop session s2"}, ""},
		"none of them":  {"c", []string{"a", "b"}, nil, "--project: expected one of the projects of x.db, which are a, b"},
		"without a run": {"c", nil, []string{"c session s1", "c session s2"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sort, err := (&importCmd{Project: tt.project}).sorterOf(&sqlite.Source{Path: "x.db", Bridge: true, Projects: tt.has}, nil)
			if tt.problem != "" {
				require.EqualError(t, err, tt.problem)
				return
			}
			require.NoError(t, err)
			a, b := sessionRecord("s1"), sessionRecord("s2")
			a.Project, b.Project = "a", "b"
			recs, err := sort.records(t.Context(), []*monitor.Record{a, b})
			require.NoError(t, err)
			assert.Equal(t, tt.want, names(recs))
			assert.Empty(t, sort.rest())
		})
	}
}

// TestABridgeTakesWhatItCan sends rows to a server that takes at most three at once, and one session never.
func TestABridgeTakesWhatItCan(t *testing.T) {
	t.Parallel()
	busy := true
	var taken []int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/p/shop/api/v1/import", r.URL.Path)
		assert.Equal(t, "timezone=UTC", r.URL.RawQuery)
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		var rows []struct {
			Class  string
			Record map[string]any
		}
		assert.NoError(t, json.Unmarshal(body, &rows))
		if busy {
			busy = false
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if len(rows) > 3 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		for i, row := range rows {
			switch row.Record["session_h"] {
			case "wrong":
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"message": "invalid", "errors": {"[%d].run_date": "expected a date", "[%d].scm_ref": "no"}}`, i, i)
				return
			case "large":
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
		}
		taken = append(taken, len(rows))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"new": {"session": %d}, "repeats": {"session": 1}, "differ": {"session": 1}}`, len(rows)-1)
	}))
	defer server.Close()
	c := &importCmd{To: server.URL, Token: "secret", Project: "shop", Timezone: "UTC"}
	target, err := c.bridgeTarget(&Main{Stderr: io.Discard})
	require.NoError(t, err)
	counts := newCounts()
	var recs []*monitor.Record
	for _, h := range []string{"s1", "s2", "wrong", "s3", "large", "s4"} {
		recs = append(recs, sessionRecord(h))
		recs[len(recs)-1].Import = &monitor.Import{}
	}
	require.NoError(t, target.add(t.Context(), recs, &counts))
	assert.Equal(t, []int{2, 1, 1}, taken)
	assert.Equal(t, importCounts{recordCounts: recordCounts{map[monitor.Class]int64{"session": 1}, map[monitor.Class]int64{"session": 3}, map[monitor.Class]int64{"session": 3}},
		Skipped: map[string]int64{"session: run_date: expected a date; scm_ref: no": 1, "session: too large for the bridge": 1}}, counts)
}

// TestAnImportEndsAtAnAnswerThatSaysNothing holds that rows that were not sent are no reason to send the others again, and that no
// part is sent behind one that failed.
func TestAnImportEndsAtAnAnswerThatSaysNothing(t *testing.T) {
	t.Parallel()
	recs := []*monitor.Record{sessionRecord("s1"), sessionRecord("s2"), sessionRecord("s3"), sessionRecord("s4")}
	for _, rec := range recs {
		rec.Import = &monitor.Import{}
	}
	for field, want := range map[string]int{"[4].run_date": 1, "[-1].run_date": 1, "": 3} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 20 {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			var rows []json.RawMessage
			assert.NoError(t, json.Unmarshal(body, &rows))
			switch {
			case field != "":
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(w, `{"message": "invalid", "errors": {%q: "expected a date"}}`, field)
			case len(rows) > 1:
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			default:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		target, err := (&importCmd{To: server.URL, Project: "shop"}).bridgeTarget(&Main{Stderr: io.Discard})
		require.NoError(t, err)
		counts := newCounts()
		require.Error(t, target.add(t.Context(), recs, &counts), field)
		assert.EqualValues(t, want, asked.Load(), field)
		assert.Empty(t, counts.Skipped, field)
		server.Close()
	}
}

func TestTheAddressOfAnImportNamesTheProject(t *testing.T) {
	t.Parallel()
	c := &importCmd{To: "http://bridge/prefix/p/shop/api/v1/"}
	_, err := c.bridgeTarget(&Main{})
	require.NoError(t, err)
	assert.Equal(t, "shop", c.Project)
	_, err = (&importCmd{To: "http://bridge/p/shop", Project: "other"}).bridgeTarget(&Main{})
	assert.EqualError(t, err, `--project: expected "shop" as in --to, or no --project`)
}

func TestAnImportSaysWhatDiffersAndWhatADryRunCannotKnow(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		differ      map[monitor.Class]int64
		dry, atMost bool
		want        string
	}{
		"nothing": {nil, false, true, "x: new: 2 sessions. There already: 1 session.\n"},
		"one":     {map[monitor.Class]int64{"session": 1}, false, false, "x: new: 2 sessions. There already: 1 session.\n1 session differs from what is there, which stays.\n"},
		"several": {map[monitor.Class]int64{"session": 2, "outcome": 1}, true, false,
			"x: would be new: 2 sessions. There already: 1 session.\n2 sessions, 1 outcome differ from what is there, which stays.\n"},
		"at most": {nil, true, true, "x: would be new at most: 2 sessions. There already: 1 session.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &importedFile{File: "x", AtMost: tt.atMost, importCounts: importCounts{recordCounts: recordCounts{map[monitor.Class]int64{"session": 2},
				map[monitor.Class]int64{"session": 1}, tt.differ}}}
			var out strings.Builder
			require.NoError(t, f.print(&out, tt.dry))
			assert.Equal(t, tt.want, out.String())
		})
	}
}
