package judge_test

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
)

// Imported runs are not judged. A live run gives the history of its branch some of them, so that slow growth does not begin with the
// first live run.
func TestImportedRunsAreHistoryOfSlowGrowth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHistory{}
		for n := range 42 {
			h.addImported(fmt.Sprint(n), "", "main", "ci")
		}
		h.addImported("elsewhere", "", "other", "ci")
		h.addImported("laptop", "", "main", "laptop")
		for n := range 300 {
			h.add(fmt.Sprint("since", n), "", "main", "other")
		}
		h.add("live", "", "main", "ci")
		h.add("live2", "", "main", "ci")
		h.add("live3", "", "main", "ci")
		detector := detect(func(c monitor.Comparison) *monitor.Report {
			one := result("t", "cpu_time", monitor.StatusLearning, 1)
			one.Env = "ci"
			return &monitor.Report{Project: "p", Run: c.Judged().ID, Branch: c.Judged().Branch, Started: time.Unix(0, c.Judged().Started),
				Results: []monitor.Result{one}}
		})
		store := &fakeRollups{}
		w := judge.NewWorker(newJudge(h, detector), &fakeReports{}, slog.New(slog.DiscardHandler))
		w.Older = &judge.Older{History: h, Detector: detector, Drift: slowGrowth(store, nil)}
		require.NoError(t, w.Open())
		ended := func(run string) []string {
			store.added = nil
			w.Ended("p", run)
			synctest.Wait()
			return store.added
		}
		assert.Equal(t, []string{"ci: 37 38 39 40 41", "ci: 32 33 34 35 36", "ci: 27 28 29 30 31", "ci: 22 23 24 25 26", "ci: 17 18 19 20 21",
			"ci: 12 13 14 15 16"}, ended("live"), "the newest come first, and a history is enough")
		assert.Equal(t, []string{"ci: 7 8 9 10 11", "ci: 2 3 4 5 6", "ci: 0 1"}, ended("live2"))
		assert.Empty(t, ended("live3"), "all are there")
		assert.Empty(t, ended("41"), "an imported run is not judged")
		store.began, store.runs = time.Unix(0, 30), 500
		assert.Empty(t, ended("live3"), "the history is as long as is looked at")
		store.runs = 1
		for _, run := range h.runs {
			run.Tests = 20_001
		}
		assert.Equal(t, []string{"ci: 24 25 26 27 28"}, ended("live3"), "a large run takes as long as several")
		require.NoError(t, w.Close())
	})
}
