package regress_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// large says whether a change is so large that it has to be found by the third run.
func (c injection) large() bool {
	least := map[string]float64{monitor.MetricCPUTime: 0.08, monitor.MetricMemUsage: 40, monitor.MetricTotalTime: 0.3}
	return c.amount >= least[c.metric]
}

// explains says whether a change may show in a metric: CPU time takes wall time too, and so may memory.
func (c injection) explains(metric string) bool {
	return c.metric == metric || metric == monitor.MetricTotalTime || c.metric == monitor.MetricMemUsage
}

// bySettings counts the regressions that the detector finds by some settings.
func bySettings(settings regress.Settings) judgement {
	return func(t *testing.T, d *dataset, run int) map[alarm]bool {
		alarms := map[alarm]bool{}
		for _, x := range judgeWith(t, settings, past(d.runs, run), slices.Concat(d.samples[:run+1]...)).Results {
			if x.Status == monitor.StatusRegression {
				alarms[alarm{injectionOf(x), x.Metric}] = true
			}
		}
		return alarms
	}
}

// latency makes a row of the table: how many large changes were found by the second and by the third run, after how many runs
// in the mean, and how many false regressions there were in how many judgements of a test.
func latency(t *testing.T, name string, d *dataset, by judgement) string {
	found := map[injectionKey]int{} // in which run after the change
	wrong, judged := 0, 0
	for run := firstJudged; run < len(d.runs); run++ {
		judged += len(values(d.samples[run])) / len(monitor.JudgedMetrics)
		for a := range by(t, d, run) {
			c, ok := d.injected[a.injectionKey]
			changed := ok && run >= c.since
			if changed && c.metric == a.metric && found[a.injectionKey] == 0 {
				found[a.injectionKey] = run - c.since + 1
			}
			if !changed || !c.explains(a.metric) {
				wrong++
			}
		}
	}
	second, third, sum, ever, all := 0, 0, 0, 0, 0
	for key, c := range d.injected {
		if !c.large() {
			continue
		}
		all++
		n, ok := found[key]
		if !ok {
			continue
		}
		ever, sum = ever+1, sum+n
		if n <= 2 {
			second++
		}
		if n <= 3 {
			third++
		}
	}
	return fmt.Sprintf("| %s | %d/%d | %d/%d | %.2f | %d in %d |\n", name, second, all, third, all, float64(sum)/float64(ever), wrong, judged)
}

// TestLatency holds that the table in the documentation is what comes out.
func TestLatency(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/regressions.md")
	require.NoError(t, err)
	three := regress.Defaults()
	for _, th := range []*regress.Thresholds{&three.CPUTime, &three.MemUsage, &three.TotalTime, &three.PluginCPUTime, &three.PluginMemUsage} {
		th.TwoRunsRatio = 1e9
	}
	var table strings.Builder
	for _, set := range []string{"networkx", "toolz", "tornado", "numpy", "sqlglot"} {
		d := readDataset(t, set)
		env := d.env
		d.measuredOn("m")
		table.WriteString(latency(t, set+", three runs always", d, bySettings(three)))
		table.WriteString(latency(t, set+", two where there is no doubt", d, bySettings(regress.Defaults())))
		if d.measuredOn(env); env != "m" {
			table.WriteString(latency(t, set+", and the floors of the plugin", d, bySettings(regress.Defaults())))
		}
		for _, rule := range plainRules {
			table.WriteString(latency(t, set+", "+rule.name, d, byRule(rule.alarms)))
		}
	}
	assert.True(t, strings.Contains(string(document), table.String()), "the rows should be:\n%s", table.String())
}

// measuredOn makes a class of machine that of all samples.
func (d *dataset) measuredOn(env string) {
	for _, samples := range d.samples {
		for i := range samples {
			samples[i].Env = env
		}
	}
}
