package promql_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

const root = "../.."

// alertRules reads the rules as Prometheus does, and with its checks of expressions and templates.
func alertRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(filepath.Join(root, "deploy/prometheus/pymon-bridge.rules.yml"), false, model.UTF8Validation, parser.NewParser(parser.Options{}),
		slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	return groups.Groups[0].Rules
}

// state is what a bridge is like from the middle of two hours on.
type state struct {
	*simulated
	up   func(minute int) bool                    // whether the bridge answers; nil for always
	time func(at time.Time) time.Time             // its clock; nil for a right one
	born func(minute int, at time.Time) time.Time // the start of its process; nil for long ago
}

// TestAlerts lets a bridge be well for an hour, and then be in a state for an hour and a half, and asserts which alerts fire at the
// end. No alert fires while the bridge is well.
func TestAlerts(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *state)
		step   func(s *state, minute int) // each minute of the state
		fires  []string
	}{
		"well":             {func(*state) {}, nil, nil},
		"down":             {func(s *state) { s.up = func(int) bool { return false } }, nil, []string{"PymonBridgeDown"}},
		"disk nearly full": {func(s *state) { s.stats.Free = 400 << 20 }, nil, []string{"PymonBridgeDiskNearlyFull"}},
		"disk full": {func(s *state) { s.stats.Free, s.journal.ok = 100<<20, false }, nil,
			[]string{"PymonBridgeDiskFull"}},
		"size of the disk unknown": {func(s *state) { s.stats.Free = -1 }, nil, nil},
		"directory removed": {func(s *state) { s.stats.Free, s.journal.ok = -1, false }, nil,
			[]string{"PymonBridgeRefuses"}},
		"file damaged": {func(s *state) { s.journal.ok = false }, nil, []string{"PymonBridgeRefuses"}},
		"file damaged and not readable": {func(s *state) { s.journal.ok, s.unreadable = false, true }, nil,
			[]string{"PymonBridgeRefuses", "PymonBridgeFiguresMissing"}},
		"InfluxDB away": {func(s *state) { s.delivery.ok = false }, func(s *state, minute int) {
			s.stats.Depth, s.stats.Oldest = 100, time.Now().Add(-time.Duration(minute)*time.Minute)
		}, []string{"PymonBridgeNotDelivering", "PymonBridgeRecordsWait"}},
		"InfluxDB away, no records":  {func(s *state) { s.delivery.ok = false }, nil, []string{"PymonBridgeNotDelivering"}},
		"InfluxDB away now and then": {func(*state) {}, func(s *state, minute int) { s.delivery.ok = minute%10 != 0 }, nil},
		"bucket deleted": {func(s *state) { s.delivery.ok, s.stats.Lost = false, make([]monitor.Loss, 1) }, nil,
			[]string{"PymonBridgeDeliveredRecordsLost"}},
		"dead letters": {func(*state) {}, func(s *state, minute int) {
			if minute == 45 {
				s.metrics.Buried(monitor.ClassMetric, 3)
				s.stats.DeadLetters += 3
			}
		}, []string{"PymonBridgeDeadLetters"}},
		"old dead letters": {func(s *state) { s.metrics.Buried(monitor.ClassMetric, 3); s.stats.DeadLetters += 3 }, nil, nil},
		"clock behind":     {func(s *state) { s.time = func(at time.Time) time.Time { return at.Add(-2 * time.Minute) } }, nil, []string{"PymonBridgeClockWrong"}},
		"clock ahead":      {func(s *state) { s.time = func(at time.Time) time.Time { return at.Add(time.Hour) } }, nil, []string{"PymonBridgeClockWrong"}},
		"certificate expires": {func(s *state) { s.expiry = s.expiry.AddDate(0, 0, -80) }, nil,
			[]string{"PymonBridgeCertificateExpires"}},
		"restarts": {func(s *state) {
			s.born = func(minute int, at time.Time) time.Time { return at.Add(-time.Duration(minute%15) * time.Minute) }
		}, nil, []string{"PymonBridgeRestarts"}},
		"one restart": {func(s *state) {
			s.born = func(minute int, at time.Time) time.Time { return at.Add(-time.Duration(minute) * time.Minute) }
		}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			samples := &scraped{start: time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC), series: map[string]*series{}}
			s := &state{simulated: newBridge("bridge-1:8080")}
			s.expiry = samples.start.AddDate(0, 0, 90)
			const well, end = 60, 150
			for minute := range end {
				at := samples.start.Add(time.Duration(minute) * time.Minute)
				if minute == well {
					c.change(s)
				}
				if minute >= well && c.step != nil {
					c.step(s, minute-well)
				}
				s.scrapeAt(t, samples, at, minute-well)
			}
			firing := fired(t, samples, end)
			for _, names := range firing[:well] {
				assert.Empty(t, names, "while the bridge was well")
			}
			assert.ElementsMatch(t, c.fires, firing[end-1])
		})
	}
}

// scrapeAt adds what Prometheus has of the bridge at a time. minute counts from the beginning of the state.
func (s *state) scrapeAt(t *testing.T, samples *scraped, at time.Time, minute int) {
	t.Helper()
	up, clock, born := 1.0, at, samples.start.Add(-time.Hour)
	if s.up != nil && !s.up(minute) {
		up = 0
	}
	if s.time != nil {
		clock = s.time(at)
	}
	if s.born != nil {
		born = s.born(minute, at)
	}
	target := labels.FromStrings(labels.MetricName, "up", "instance", "bridge-1:8080", "job", "pymon-bridge")
	samples.add(target, at, up)
	if up == 0 {
		return
	}
	samples.scrape(t, s.metrics, "bridge-1:8080", at)
	for _, line := range samples.series { // the true clock and start of this test are no part of the story
		last := &line.samples[len(line.samples)-1]
		switch line.labels.Get(labels.MetricName) {
		case "pymon_bridge_time_seconds":
			*last = sample{at.UnixMilli(), float64(clock.Unix())}
		case "process_start_time_seconds":
			*last = sample{at.UnixMilli(), float64(born.Unix())}
		}
	}
}

// fired evaluates the rules each minute, and returns the names of the alerts that fire, by the minute. As in Prometheus, an alert
// fires when the expression has given the same labels for as long as the rule says.
func fired(t *testing.T, samples *scraped, minutes int) [][]string {
	t.Helper()
	firing, engine := make([][]string, minutes), newEngine()
	for _, r := range alertRules(t) {
		for _, line := range evaluate(t, engine, samples, r.Expr) {
			held := 0
			for i, p := range line.Floats {
				if held++; i > 0 && p.T-line.Floats[i-1].T > time.Minute.Milliseconds() {
					held = 1
				}
				if minute := int((p.T - samples.start.UnixMilli()) / time.Minute.Milliseconds()); time.Duration(held-1)*time.Minute >= time.Duration(r.For) && minute < minutes {
					firing[minute] = append(firing[minute], r.Alert)
				}
			}
		}
	}
	return firing
}

// TestRulesUseMetricsOfTheBridge: an alert on a metric that does not exist never fires.
func TestRulesUseMetricsOfTheBridge(t *testing.T) {
	samples := &scraped{start: time.Now(), series: map[string]*series{}}
	(&state{simulated: newBridge("bridge-1:8080")}).scrapeAt(t, samples, samples.start, 0)
	known := map[string]bool{}
	for _, s := range samples.series {
		known[s.labels.Get(labels.MetricName)] = true
	}
	for _, r := range alertRules(t) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		require.NoError(t, err)
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok {
				assert.True(t, known[selector.Name], "%s: %s", r.Alert, selector.Name)
			}
			return nil
		})
	}
}

// TestRunbooksExist checks that each alert says what happened, how bad it is, and where to read what to do.
func TestRunbooksExist(t *testing.T) {
	for _, r := range alertRules(t) {
		assert.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		assert.NotEmpty(t, r.Annotations["description"], r.Alert)
		page, section, _ := strings.Cut(r.Annotations["runbook"], "#")
		text, err := os.ReadFile(filepath.Join(root, page))
		require.NoError(t, err, r.Alert)
		var sections []string
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllSubmatch(text, -1) {
			sections = append(sections, strings.ReplaceAll(strings.ToLower(string(heading[1])), " ", "-"))
		}
		assert.Contains(t, sections, section, r.Alert)
	}
}
