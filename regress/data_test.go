package regress_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

// cleanRuns is how many runs of the first two data sets are without changes. The runs after these are with changes.
const cleanRuns = 24

// pluginSets are the data sets that the project's own plugin measured.
var pluginSets = []string{"tornado", "numpy", "sqlglot"}

// dataset is a series of real runs; see testdata/README.md.
type dataset struct {
	runs     []*monitor.RunInfo
	samples  [][]monitor.Sample // by run
	injected map[injectionKey]injection
	env      string // class of machine
}

// injection is what a test was changed by.
type injection struct {
	metric string
	amount float64 // seconds or MiB
	since  int     // run
}

type injectionKey struct {
	path, variant string
	occurrence    int
}

// readDataset reads a set by name.
func readDataset(t testing.TB, name string) *dataset {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".csv.gz")
	require.NoError(t, err)
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	require.NoError(t, err)
	rows, err := csv.NewReader(unzipped).ReadAll()
	require.NoError(t, err)
	d := &dataset{injected: map[injectionKey]injection{}, env: "m"}
	if slices.Contains(pluginSets, name) {
		d.env = "m m2"
	}
	series := map[monitor.Series]*monitor.Series{}
	for _, row := range rows[1:] {
		d.add(t, row, series)
	}
	d.readInjected(t, "testdata/"+name+"-injected.csv")
	return d
}

// runInfo describes the i-th run, of a commit of its own.
func runInfo(i int) *monitor.RunInfo {
	return &monitor.RunInfo{Project: "p", ID: fmt.Sprintf("run%03d", i), ScmRef: fmt.Sprintf("c%03d", i), Branch: "main",
		Started: int64(i) * 1e12, Sessions: []string{fmt.Sprintf("s%03d", i)}}
}

func (d *dataset) add(t testing.TB, row []string, series map[monitor.Series]*monitor.Series) {
	run, start := int(number(t, row[0])), int64(number(t, row[1]))
	for run >= len(d.runs) {
		d.runs, d.samples = append(d.runs, runInfo(len(d.runs))), append(d.samples, nil)
	}
	key := monitor.Series{Project: "p", ItemPath: row[2], Item: row[3], ItemVariant: row[4], Kind: "function"}
	if series[key] == nil {
		series[key] = &key
	}
	d.samples[run] = append(d.samples[run], monitor.Sample{
		Run: d.runs[run], Session: d.runs[run].Sessions[0], Series: series[key], Env: d.env, Location: row[2] + ".py",
		Start: start * 1000, TotalTime: number(t, row[5]), CPUTime: number(t, row[6]), MemUsage: number(t, row[7]),
	})
}

func (d *dataset) readInjected(t testing.TB, file string) {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	metric := map[string]string{"cpu": monitor.MetricCPUTime, "wall": monitor.MetricTotalTime, "mem": monitor.MetricMemUsage}
	for _, row := range rows[1:] {
		key := injectionKey{row[0], row[1], int(number(t, row[2]))}
		since := cleanRuns
		if len(row) > 5 {
			since = int(number(t, row[5]))
		}
		d.injected[key] = injection{metric[row[3]], number(t, row[4]), since}
	}
}

func number(t testing.TB, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return f
}

// past is the comparison of a run with those before it.
func past(runs []*monitor.RunInfo, judged int) monitor.Comparison {
	window := max(0, judged+1-regress.Defaults().WindowRuns)
	return monitor.Comparison{Branch: "main", Baseline: runs[max(0, window-30):window], Window: runs[window : judged+1]}
}

// upTo gives the samples of all runs up to one.
func (d *dataset) upTo(run int) iter.Seq2[monitor.Sample, error] {
	return func(yield func(monitor.Sample, error) bool) {
		for _, samples := range d.samples[:run+1] {
			for _, s := range samples {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}
