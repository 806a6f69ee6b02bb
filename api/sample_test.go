package api_test

import (
	"encoding/json"
	"log/slog"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func text(s string) monitor.Text { return monitor.Text{String: s} }

func tags(pairs ...string) (all []monitor.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, monitor.Tag{Name: pairs[i], Value: text(pairs[i+1])})
	}
	return all
}

// sample returns a store with two projects. Session "s3" has no commit and no tags. Session "s9" has a metric, but is not
// in the store. Some names are equal to parts of routes, such as "like" and "items".
func sample() *fakeStore {
	s := &fakeStore{}
	for i, m := range []struct{ session, context, item, variant, kind, component string }{
		{"s1", "c1", "test_a", "test_a[1, 2]", "function", "core"},
		{"s1", "c1", "test_b", "test_b", "function", "core"},
		{"s1", "c1", "test_a", "test_a[3/4]", "function", ""},
		{"s2", "c2", "like", "like", "function", "items"},
		{"s2", "c2", "mod", "", "module", "core"},
		{"s9", "c9", "test_a", "test_a[1, 2]", "function", "co%re"},
	} {
		n := float64(i + 1)
		s.metrics = append(s.metrics, owned[*monitor.Metric]{"team", &monitor.Metric{SessionH: m.session, ContextH: m.context,
			ItemStartTime: "2026-11-22T16:03:1" + string(rune('0'+i)), Item: m.item, ItemVariant: m.variant, Kind: m.kind,
			Component: m.component, TotalTime: n, UserTime: -n, KernelTime: n / 10, CPUUsage: 1, MemUsage: n * 100}})
	}
	s.metrics = append(s.metrics, owned[*monitor.Metric]{"other", &monitor.Metric{SessionH: "s1", ItemStartTime: "2026-11-22T16:03:20",
		Item: "secret"}})
	for i, o := range []struct{ of, outcome, node string }{{"team", "passed", "test.py::test_a[1-2]"}, {"team", "failed", "test.py::test_b"},
		{"team", "error", "test.py::test_a[3/4]"}, {"team", "failed", "test.py::like"}, {"other", "failed", "test.py::secret"}} {
		m := *s.metrics[i].v
		if o.of == "other" {
			m = *s.metrics[len(s.metrics)-1].v
		}
		s.outcomes = append(s.outcomes, owned[*monitor.Outcome]{o.of, &monitor.Outcome{Metric: m, NodeID: o.node, Outcome: o.outcome,
			Attempts: int64(i + 1), SetupTime: 0.5, TeardownTime: math.NaN(), MemPeak: 100, MemTest: -1}})
	}
	for _, f := range []*monitor.Session{
		{SessionH: "s1", RunDate: "2026-11-22T16:03:00", ScmRef: text("abc1"), Tags: tags("pipeline_branch", "main", "pipeline_build_no", "7", "numpy", "2.0")},
		{SessionH: "s2", RunDate: "2026-11-22T16:04:00", ScmRef: text("abc2"), Tags: tags("pipeline_branch", "main", "pipeline_build_no", "8", "dot.tag", "x")},
		{SessionH: "s3", RunDate: "2026-11-22T16:05:00", ScmRef: monitor.Text{Null: true}},
	} {
		f.FixTags()
		f.Run = f.SessionH
		s.sessions = append(s.sessions, owned[*monitor.Session]{"team", f})
	}
	for _, h := range []string{"c1", "c2", "d3"} {
		s.contexts = append(s.contexts, owned[*monitor.Context]{"team", &monitor.Context{H: h, CPUCount: 8, CPUFrequency: 2300,
			CPUVendor: monitor.Text{Null: true}, RAMTotal: 32100, MachineNode: "ci-1", PythonInfo: "3.11.7 \n[GCC]"}})
	}
	start := monitor.Instant{UTC: 1795363380e9, Offset: 3600}
	for i, project := range []string{"team", "other", "team"} {
		o := *s.outcomes[i].v
		o.At = start
		s.flaky = append(s.flaky, owned[*monitor.FlakyTest]{project, &monitor.FlakyTest{Project: project, Seen: &o, ScmRef: "abc1", Run: "r1",
			Runs: 7, Passed: 6, Failed: 2, Retried: 4}})
	}
	s.runs = []owned[*monitor.Run]{{"team", &monitor.Run{Project: "team", ID: "r1",
		Sessions: []*monitor.Session{s.sessions[0].v, s.sessions[1].v}, Environments: []string{"Linux-x86_64 8x ? 32G py3.11"},
		Tests: 4, Modules: 1, TotalTime: 10.5, UserTime: 9, KernelTime: 1, Started: start,
		Outcomes: map[string]int64{"passed": 1, "failed": 2, "error": 1},
		Ended:    monitor.Instant{UTC: start.UTC + 90_500e6, Offset: 3600}}}}
	return s
}

// openFile returns an empty local file.
func openFile(t *testing.T) *sqlite.DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), sqlite.FileName)
	db := sqlite.New(file, monitor.Zones{Server: time.UTC, Fixed: time.UTC}, slog.New(slog.DiscardHandler))
	db.MinFree = 0
	require.NoError(t, db.Open(t.Context()))
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// sampleFile returns a local file with the records of the sample.
func sampleFile(t *testing.T) monitor.Store {
	t.Helper()
	db := openFile(t)
	received := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	var records []*monitor.Record
	s := sample()
	for _, o := range s.contexts {
		records = append(records, &monitor.Record{Project: o.project, Received: received, Context: o.v})
	}
	for _, o := range s.sessions {
		o.v.Description = description(t, o.v.Tags)
		records = append(records, &monitor.Record{Project: o.project, Received: received, Session: o.v})
	}
	for _, o := range s.metrics {
		records = append(records, &monitor.Record{Project: o.project, Received: received, Metric: o.v})
	}
	for _, o := range s.outcomes {
		records = append(records, &monitor.Record{Project: o.project, Received: received, Outcome: o.v})
	}
	require.NoError(t, db.Append(t.Context(), records))
	return db
}

// description returns the description that a client sends for tags.
func description(t *testing.T, tags []monitor.Tag) string {
	t.Helper()
	text := "{"
	for i, tag := range tags {
		if i > 0 {
			text += ", "
		}
		member, err := json.Marshal(map[string]string{tag.Name: tag.Value.String})
		require.NoError(t, err)
		text += string(member[1 : len(member)-1])
	}
	return text + "}"
}
