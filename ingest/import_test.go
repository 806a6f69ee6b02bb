package ingest_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func importRow(class, record string) string {
	return `{"class": "` + class + `", "record": ` + record + `}`
}

func importRows(rows ...string) string { return "[" + strings.Join(rows, ",") + "]" }

// TestRowsOfAnImport holds that they are stored in one transaction, marked and without the address of the client, and that
// nothing is counted or announced.
func TestRowsOfAnImport(t *testing.T) {
	body := importRows(importRow("context", contextBody), importRow("session", sessionBody), importRow("metric", metricBody),
		importRow("outcome", row("a", "failed")))
	forEveryPath(t, "/import", func(t *testing.T, path, project string) {
		b := newBridge()
		w := b.do(http.MethodPost, path+"?timezone=Europe/Paris", body, "Content-Type", "application/json")
		require.Equal(t, http.StatusCreated, w.Code, w.Body)
		assert.JSONEq(t, `{"new": {"context": 1, "session": 1, "metric": 1, "outcome": 1}, "repeats": {}, "differ": {}}`, w.Body.String())
		recs := b.journal.stored()
		assert.Equal(t, []int{4}, b.journal.commits, "one transaction")
		assert.Empty(t, b.calls.accepted)
		assert.Equal(t, []string{project + " " + contextHash, project + " " + sessionHash}, b.journal.cached)
		for _, r := range recs {
			assert.Equal(t, project, r.Project)
			assert.Equal(t, received, r.Received)
			assert.Empty(t, r.Client)
			assert.Equal(t, "Europe/Paris", r.Import.Zone.String())
			assert.False(t, r.Placed())
		}
		w = b.do(http.MethodPost, path, importRows(importRow("context", contextBody)))
		assert.JSONEq(t, `{"new": {}, "repeats": {"context": 1}, "differ": {}}`, w.Body.String())
		w = b.do(http.MethodPost, path, importRows(importRow("session", strings.Replace(sessionBody, "abc", "def", 1))))
		assert.JSONEq(t, `{"new": {}, "repeats": {"session": 1}, "differ": {"session": 1}}`, w.Body.String())
	})
}

// TestRowsOfAKnownSessionStayInItsProject holds while the bridge has no tokens: they separate projects. Rows that another bridge
// has placed are of the project that the request names.
func TestRowsOfAKnownSessionStayInItsProject(t *testing.T) {
	rows := importRows(importRow("context", contextBody), importRow("session", sessionBody), importRow("metric", metricBody),
		importRow("outcome", row("a", "failed")))
	for name, tt := range map[string]struct {
		tokens  []monitor.Token
		body    string
		project string
		repeats bool
	}{
		"without tokens": {nil, rows, "shop", true},
		"with tokens":    {[]monitor.Token{{Project: "other", Hash: sha256.Sum256([]byte("secret")), Scopes: []monitor.Scope{monitor.ScopeWrite}}}, rows, "other", false},
		"placed": {nil, importRows(`{"class": "session", "record": ` + sessionBody + `, "decided": {"utc_ns": 1, "utc_offset": 0, "received": 1,
			"run": "r", "branch": "", "build": "", "machine": "", "client": ""}}`), "other", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBridge()
			b.tokens = tt.tokens
			require.NoError(t, b.journal.Append(t.Context(), &monitor.Record{Project: "shop", Context: &monitor.Context{H: contextHash}},
				&monitor.Record{Project: "shop", Session: &monitor.Session{SessionH: sessionHash}}))
			for _, query := range []string{"?dry_run=true", ""} {
				w := b.do(http.MethodPost, "/p/other/import"+query, tt.body, "Authorization", "Bearer secret")
				require.Equal(t, http.StatusCreated, w.Code, w.Body)
				if query == "" && tt.repeats {
					assert.JSONEq(t, `{"new": {"metric": 1, "outcome": 1}, "repeats": {"context": 1, "session": 1}, "differ": {"context": 1, "session": 1}}`, w.Body.String())
				}
			}
			for _, rec := range append(b.tried.stored(), b.journal.stored()[2:]...) {
				assert.Equal(t, tt.project, rec.Project, rec.Class())
			}
		})
	}
}

func TestADryRunStoresNothing(t *testing.T) {
	b := newBridge()
	w := b.do(http.MethodPost, "/import/?dry_run=true", importRows(importRow("session", sessionBody), importRow("metric", metricBody)))
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	assert.JSONEq(t, `{"new": {"session": 1, "metric": 1}, "repeats": {}, "differ": {}}`, w.Body.String())
	assert.Empty(t, b.journal.stored())
	assert.Empty(t, b.journal.cached)
	assert.Len(t, b.tried.stored(), 2)
}

// TestAWrongRowOfAnImportStoresNothing holds since the sender can leave the row out and send the others again.
func TestAWrongRowOfAnImportStoresNothing(t *testing.T) {
	good := importRow("metric", metricBody)
	for path, tt := range map[string]struct{ body, want string }{
		"/import/": {importRows(good, importRow("metric", `{"item": 7}`)), `"[1].item":"expected a text, got 7"`},
		"/p/b/import": {importRows(good, importRow("session", strings.Replace(sessionBody, "2026-11-22", "2026-11-24", 1))),
			`"[1].run_date":"expected a date that is at most a day ahead"`},
		"/import":                  {good, "expected a list of rows"},
		"/api/v1/import":           {"[]", "expected 1 to 100 rows, got 0"},
		"/p/a/import":              {"[1,", "is not JSON"},
		"/import/?dry_run=perhaps": {importRows(good), `"dry_run":"expected true or false"`},
		"/import/?timezone=Mars":   {importRows(good), `"timezone":"expected a name of the IANA database such as Europe/Paris, or an offset such as +05:30"`},
	} {
		b := newBridge()
		w := b.do(http.MethodPost, path, tt.body)
		assert.Equal(t, http.StatusBadRequest, w.Code, path)
		assert.Contains(t, w.Body.String(), tt.want)
		assert.Empty(t, b.journal.stored())
	}
}

func TestAnImportIntoAFullFileIsRefused(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { return monitor.Errorf(monitor.EFull, "full") }
	w := b.do(http.MethodPost, "/import", importRows(importRow("metric", metricBody)))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}
