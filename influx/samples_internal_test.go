package influx

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// mustAnswer plays an InfluxDB that has nothing to say to Flux, and answers InfluxQL with bodies, one after the other.
func mustAnswer(t *testing.T, status int, bodies ...[]byte) *Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/query" {
			return
		}
		rw.Header().Set("Content-Type", msgpackType)
		rw.WriteHeader(status)
		if len(bodies) > 0 {
			_, _ = rw.Write(bodies[0])
			bodies = bodies[1:]
		}
	}))
	t.Cleanup(server.Close)
	w, err := Open(Config{URL: server.URL, Token: "t0ken", Org: "o"}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w.Store()
}

// sampleRow is a row of a session that started at a time.
func sampleRow(session string, ns int64) []any {
	return []any{ns, 1.5, 0.25, 0.5, 3.0, session, "tests/a.py", "(none)", "ci", "test_a", "test_a[100%25]"}
}

// samplesOf reads the samples of a run of one session.
func samplesOf(t *testing.T, s *Store) (found []monitor.Sample, err error) {
	t.Helper()
	run := &monitor.RunHead{Project: "shop", ID: "run", Started: at, Sessions: []string{"a%b"}}
	for sample, failed := range s.Samples(t.Context(), []*monitor.RunHead{run}) {
		require.NoError(t, err, "nothing comes after an error")
		if err = failed; err == nil {
			require.Same(t, run, sample.Run)
			found = append(found, sample)
		}
	}
	return found, err
}

func TestSamplesOfRows(t *testing.T) {
	s := mustAnswer(t, http.StatusOK, resultOf(t, false, sampleRow("a%25b", at+1), sampleRow("a%b", at+2), sampleRow("other", at+3)))
	found, err := samplesOf(t, s)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, monitor.Series{Project: "shop", ItemPath: "tests.a", Item: "test_a", ItemVariant: "test_a[100%]", Kind: "function"},
		*found[0].Series)
	found[0].Series, found[0].Run = nil, nil
	require.Equal(t, monitor.Sample{Session: "a%b", Env: "ci", Location: "tests/a.py", Start: at + 1, TotalTime: 1.5, CPUTime: 0.75, MemUsage: 3},
		found[0])
}

// What breaks off after the first sample is an error, and is not begun anew in another way.
func TestSamplesBrokenOff(t *testing.T) {
	first := resultOf(t, true, sampleRow("a%25b", at+1))
	long := resultOf(t, false, sampleRow("a%25b", at+8*hour)) // so that there is a second window
	failure := answerOf(t, "results", []any{object{"error": "timeout with t0ken"}})
	for name, bodies := range map[string][][]byte{
		"half an answer":             {first},
		"a failure on the way":       {append(first, failure...)},
		"a failure of a second part": {long, failure},
		"nonsense on the way":        {append(first, "nonsense"...)},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := samplesOf(t, mustAnswer(t, http.StatusOK, bodies...))
			require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err), "%v", err)
			require.Len(t, found, 1)
			require.NotContains(t, err.Error(), "t0ken")
		})
	}
}

// Where InfluxQL is not answered Flux is, which has nothing to say here.
func TestSamplesElsewhere(t *testing.T) {
	for name, s := range map[string]*Store{
		"no such route":    mustAnswer(t, http.StatusNotFound),
		"denied":           mustAnswer(t, http.StatusUnauthorized),
		"no such database": mustAnswer(t, http.StatusOK, answerOf(t, "results", []any{object{"error": "database not found"}})),
		"no rows":          mustAnswer(t, http.StatusOK, answerOf(t, "results", []any{object{"statement_id": 0}})),
		"not of the runs":  mustAnswer(t, http.StatusOK, resultOf(t, false, sampleRow("other", at+1))),
		"fewer columns":    mustAnswer(t, http.StatusOK, resultOf(t, false, []any{at, 1.5})),
	} {
		t.Run(name, func(t *testing.T) {
			found, err := samplesOf(t, s)
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
	_, err := samplesOf(t, mustAnswer(t, http.StatusServiceUnavailable))
	require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(err))
}
