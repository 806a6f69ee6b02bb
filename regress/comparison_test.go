package regress_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"pymon-bridge/monitor"
)

// alarm is a test and metric that a rule calls slower or hungrier.
type alarm struct {
	injectionKey
	metric string
}

// judgement is a way of judging a run by those before it.
type judgement func(t *testing.T, d *dataset, run int) map[alarm]bool

// byDetector is the detector's, counting the results of one status.
func byDetector(statuses ...monitor.Status) judgement {
	return func(t *testing.T, d *dataset, run int) map[alarm]bool {
		alarms := map[alarm]bool{}
		for _, x := range judge(t, past(d.runs, run), d.upTo(run)).Results {
			for _, status := range statuses {
				if x.Status == status {
					alarms[alarm{injectionOf(x), x.Metric}] = true
				}
			}
		}
		return alarms
	}
}

// byRule applies a plain rule to each test and metric: its value, and up to 30 of those before, oldest first.
func byRule(rule func(earlier []float64, value float64) bool) judgement {
	return func(_ *testing.T, d *dataset, run int) map[alarm]bool {
		earlier, alarms := map[alarm][]float64{}, map[alarm]bool{}
		for _, samples := range d.samples[max(0, run-30):run] {
			for key, value := range values(samples) {
				earlier[key] = append(earlier[key], value)
			}
		}
		for key, value := range values(d.samples[run]) {
			if len(earlier[key]) > 1 && rule(earlier[key], value) {
				alarms[key] = true
			}
		}
		return alarms
	}
}

// values returns what a run measured, by test and metric. Samples are in the order of their start.
func values(samples []monitor.Sample) map[alarm]float64 {
	measured, times := map[alarm]float64{}, map[injectionKey]int{}
	for _, s := range samples {
		key := injectionKey{s.Series.ItemPath, s.Series.ItemVariant, 0}
		key.occurrence, times[key] = times[key], times[key]+1
		measured[alarm{key, monitor.MetricCPUTime}] = s.CPUTime
		measured[alarm{key, monitor.MetricMemUsage}] = s.MemUsage
		measured[alarm{key, monitor.MetricTotalTime}] = s.TotalTime
	}
	return measured
}

// plainRules are what many use.
var plainRules = []struct {
	name   string
	alarms func(earlier []float64, value float64) bool
}{{"twice the previous run", twicePrevious}, {"mean + 10 %", tenPercent}, {"t-test 0.99", studentT}}

func twicePrevious(earlier []float64, value float64) bool {
	return value > 2*earlier[len(earlier)-1]
}

func tenPercent(earlier []float64, value float64) bool {
	return value > 1.1*stat.Mean(earlier, nil)
}

func studentT(earlier []float64, value float64) bool {
	n := float64(len(earlier))
	mean, deviation := stat.MeanStdDev(earlier, nil)
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.99)
	return deviation > 0 && value > mean+t*deviation*math.Sqrt(1+1/n)
}

// compare makes a row of the table: false alarms, then how many of the changes were found in the first three runs.
func compare(t *testing.T, d *dataset, name string, by judgement) string {
	clean := map[string]int{}
	for run := firstJudged; run < cleanRuns; run++ {
		for a := range by(t, d, run) {
			clean[a.metric]++
		}
	}
	hit := map[alarm]bool{}
	for run := cleanRuns; run < cleanRuns+3; run++ {
		for a := range by(t, d, run) {
			hit[a] = true
		}
	}
	judged := float64(len(d.samples[0]) * (cleanRuns - firstJudged))
	row := []string{"", name}
	for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricMemUsage, monitor.MetricTotalTime} {
		row = append(row, fmt.Sprintf("%.1f", 1000*float64(clean[metric])/judged))
	}
	for _, change := range changes() {
		found, all := 0, 0
		for key, c := range d.injected {
			if c == change {
				all++
				if hit[alarm{key, c.metric}] {
					found++
				}
			}
		}
		row = append(row, fmt.Sprintf("%d/%d", found, all))
	}
	return strings.TrimSpace(strings.Join(row, " | ")) + " |\n"
}

// changes are the columns of the table.
func changes() (c []injection) {
	for _, seconds := range []float64{0.02, 0.05, 0.1, 0.3} {
		c = append(c, injection{monitor.MetricCPUTime, seconds, cleanRuns})
	}
	for _, mib := range []float64{10, 40, 150} {
		c = append(c, injection{monitor.MetricMemUsage, mib, cleanRuns})
	}
	for _, seconds := range []float64{0.05, 0.1, 0.3} {
		c = append(c, injection{monitor.MetricTotalTime, seconds, cleanRuns})
	}
	return c
}

// TestComparison holds that the tables in the documentation are what comes out.
func TestComparison(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/regressions.md")
	require.NoError(t, err)
	for _, set := range []string{"networkx", "toolz"} {
		d := readDataset(t, set)
		var table strings.Builder
		for _, rule := range plainRules {
			table.WriteString(compare(t, d, rule.name, byRule(rule.alarms)))
		}
		table.WriteString(compare(t, d, "suspects", byDetector(monitor.StatusSuspect, monitor.StatusRegression)))
		table.WriteString(compare(t, d, "**regressions**", byDetector(monitor.StatusRegression)))
		assert.Contains(t, string(document), table.String(), "the table of %s should be:\n%s", set, table.String())
	}
}
