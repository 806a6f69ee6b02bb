package regress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/regress"
)

func TestTry(t *testing.T) {
	for _, name := range []string{"networkx", "toolz"} {
		d := readDataset(t, name)
		det, err := regress.New(regress.Defaults())
		require.NoError(t, err)
		for run := range d.runs {
			r, err := det.Judge(lineage(d.runs, run), d.upTo(run))
			require.NoError(t, err)
			t.Log(name, run, r.Suite.Status, r.Suite.Offset, r.Summary)
			for _, x := range r.Results {
				if x.Status == monitor.StatusRegression || x.Status == monitor.StatusImprovement || run < 24 && x.Status == monitor.StatusSuspect {
					inj := d.injected[injectionKey{x.ItemPath, x.ItemVariant, x.Occurrence}]
					t.Logf("   %s %s %s#%d base %.3f limit %.3f value %.3f q %.2g  %s..%s %v", x.Status, x.Metric, x.ItemVariant, x.Occurrence, x.Baseline, x.Limit, x.Value, x.Q, x.LastGood, x.FirstBad, inj)
				}
			}
		}
	}
}
