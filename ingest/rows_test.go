package ingest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// row returns a row as this project's plugin sends it.
func row(nodeID, outcome string) string {
	return strings.TrimSuffix(metricBody, "}") + `, "nodeid": "` + nodeID + `", "outcome": "` + outcome + `", "attempts": 1, ` +
		`"setup_time": 0.5, "teardown_time": 0.25, "mem_peak": null, "mem_test": 1.5}`
}

// classes returns the classes of records in order.
func classes(recs []*monitor.Record) (all []monitor.Class) {
	for _, r := range recs {
		all = append(all, r.Class())
	}
	return all
}

func TestRowsOfTests(t *testing.T) {
	const metric, outcome = monitor.ClassMetric, monitor.ClassOutcome
	failed := strings.Replace(row("b", "failed"), `1e-05`, `null`, 1)
	for name, tt := range map[string]struct {
		route, body, answer string
		stored              []monitor.Class
	}{
		"a passed test":       {"/metrics", row("a", "passed"), row("a", "passed"), []monitor.Class{metric, outcome}},
		"a failed test":       {"/outcomes", failed, failed, []monitor.Class{outcome}},
		"a passed test alone": {"/outcomes", row("a", "passed"), row("a", "passed"), []monitor.Class{outcome}},
		"one in a list":       {"/metrics", "[" + metricBody + "]", `{"accepted": 1}`, []monitor.Class{metric}},
		"passed tests": {"/metrics", "[" + row("a", "passed") + ", " + row("b", "xpassed") + "]", `{"accepted": 2}`,
			[]monitor.Class{metric, outcome, metric, outcome}},
		"other tests": {"/outcomes", "[" + failed + "," + row("c", "skipped") + "]", `{"accepted": 2}`, []monitor.Class{outcome, outcome}},
	} {
		t.Run(name, func(t *testing.T) {
			forEveryPath(t, tt.route, func(t *testing.T, path, project string) {
				b := newBridge()
				w := b.do(http.MethodPost, path, tt.body, "Content-Type", "application/json")
				require.Equal(t, http.StatusCreated, w.Code, w.Body)
				assert.JSONEq(t, tt.answer, w.Body.String())
				recs := b.journal.stored()
				assert.Equal(t, tt.stored, classes(recs))
				assert.Equal(t, []int{len(tt.stored)}, b.journal.commits, "one transaction")
				assert.Len(t, b.calls.accepted, len(tt.stored))
				for _, r := range recs {
					assert.Equal(t, project, r.Project)
					assert.Equal(t, received, r.Received)
					assert.Equal(t, "192.0.2.1", r.Client)
				}
			})
		})
	}
}

func TestWrongRowsLoseNoRightOnes(t *testing.T) {
	b := newBridge()
	wrong := strings.Replace(row("c", "passed"), `"test_ok"`, `7`, 1)
	w := b.do(http.MethodPost, "/metrics/", "["+row("a", "passed")+", 17, "+wrong+", "+row("d", "failed")+", "+row("e", "passed")+"]")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.JSONEq(t, `{"message": "3 of 5 rows are invalid, 2 are stored", "errors": {"[1]": "expected an object, got a number",
		"[2].item": "expected a text, got 7",
		"[3].outcome": "expected passed or xpassed (POST /outcomes/ takes the others), got \"failed\""}}`, w.Body.String())
	assert.Equal(t, []int{4}, b.journal.commits)
	assert.Equal(t, "e", b.journal.stored()[3].Outcome.NodeID)

	b = newBridge()
	w = b.do(http.MethodPost, "/outcomes/", "[1, 2]")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Empty(t, b.journal.commits)
}

func TestListsAreBounded(t *testing.T) {
	b := newBridge()
	list := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(row("a", "passed")+",", n), ",") + "]"
	}
	assert.Equal(t, http.StatusCreated, b.do(http.MethodPost, "/outcomes/", list(100)).Code)
	for _, n := range []int{0, 101} {
		w := b.do(http.MethodPost, "/outcomes/", list(n))
		assert.Equal(t, http.StatusBadRequest, w.Code)
		assert.Contains(t, w.Body.String(), "expected 1 to 100 rows, got ")
	}
	for _, route := range []string{"/contexts/", "/sessions/"} {
		assert.Equal(t, http.StatusBadRequest, b.do(http.MethodPost, route, "["+sessionBody+"]").Code)
	}
	b.handler.MaxBody = int64(len(list(2)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, b.do(http.MethodPost, "/outcomes/", list(3)).Code)
	assert.Equal(t, []int{100}, b.journal.commits)
}

// TestAFailedTransactionIsNotAnsweredAsWrongRows holds that a client sends all rows again when the right ones could not be
// stored.
func TestAFailedTransactionIsNotAnsweredAsWrongRows(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(context.Context, *monitor.Record) error { return monitor.Errorf(monitor.EFull, "full") }
	assert.Equal(t, http.StatusServiceUnavailable, b.do(http.MethodPost, "/metrics/", "["+metricBody+", 1]").Code)
}

func TestAnotherOutcomeIsLogged(t *testing.T) {
	b := newBridge()
	b.journal.AppendFn = func(_ context.Context, rec *monitor.Record) error {
		rec.Repeat, rec.Differs = true, rec.Outcome != nil
		return nil
	}
	b.mustPost(t, "/metrics/", row("tests/test_a.py::test_ok", "passed"))
	assert.Contains(t, b.log.String(), `level=WARN msg="another outcome of the same test; the stored one stays" project=default session=`+
		sessionHash+` nodeid=tests/test_a.py::test_ok`)
	assert.Equal(t, []string{"metric again", "outcome again"}, b.calls.accepted)
}
