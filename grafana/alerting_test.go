package grafana_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pymon-bridge/grafana"
	"pymon-bridge/test/harness"
)

// rule has the parts of an alert rule that the tests check.
type rule struct {
	UID, Title, Condition, For, NoDataState, ExecErrState, DashboardUID string
	PanelID                                                             int
	Labels, Annotations                                                 map[string]string
	Data                                                                []struct {
		RefID, DatasourceUID string
		RelativeTimeRange    struct{ From, To int }
		Model                struct {
			RefID, Type, Expression, Query string
			Datasource                     datasource
			Conditions                     []struct {
				Evaluator struct {
					Type   string
					Params []float64
				}
			}
		}
	}
}

// asJSON converts YAML to JSON.
func asJSON(t *testing.T, content []byte) []byte {
	t.Helper()
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(content, &tree))
	out, err := json.Marshal(tree)
	require.NoError(t, err)
	return out
}

func rules(t *testing.T) map[string]rule {
	t.Helper()
	content, err := grafana.Provisioning.ReadFile("provisioning/alerting/rules.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Folder string
			Rules  []rule
		}
	}
	require.NoError(t, json.Unmarshal(asJSON(t, content), &file))
	require.Len(t, file.Groups, 1)
	dashboards, err := grafana.Provisioning.ReadFile("provisioning/dashboards/dashboards.yaml")
	require.NoError(t, err)
	assert.NotContains(t, string(dashboards), "folder: "+file.Groups[0].Folder+"\n", "Grafana would make two folders with the same name")
	byUID := map[string]rule{}
	for _, r := range file.Groups[0].Rules {
		byUID[r.UID] = r
	}
	require.Len(t, byUID, len(file.Groups[0].Rules), "uids are unique")
	return byUID
}

// TestAlertRulesCanBeInstalled: Grafana does not start if it cannot read a rule.
func TestAlertRulesCanBeInstalled(t *testing.T) {
	panels := map[string]map[int]bool{}
	for _, d := range dashboards(t) {
		panels[d.UID] = map[int]bool{}
		for _, p := range d.Panels {
			panels[d.UID][p.ID] = true
		}
	}
	for _, r := range rules(t) {
		assert.Regexp(t, `^pymon-[a-z-]{1,34}$`, r.UID)
		assert.NotEmpty(t, r.Title)
		_, err := time.ParseDuration(r.For)
		assert.NoError(t, err)
		assert.Equal(t, "OK", r.NoDataState, "a time without test runs is normal")
		assert.Contains(t, []string{"OK", "Alerting", "Error", "KeepLast"}, r.ExecErrState)
		assert.True(t, panels[r.DashboardUID][r.PanelID], "%s: panel %d of %s", r.Title, r.PanelID, r.DashboardUID)
		assert.NotEmpty(t, r.Annotations["summary"])
		assert.True(t, strings.HasPrefix(r.Annotations["page"], "${PYMON_PUBLIC_URL}/p/{{ .Labels.project }}/"), "%s leads to a page", r.Title)
		assert.Equal(t, "pymon-bridge", r.Labels["source"], "notification policies use this label")
		require.Len(t, r.Data, 3)
		assert.Equal(t, "pymon-bridge-influxdb", r.Data[0].DatasourceUID)
		assert.GreaterOrEqual(t, r.Data[0].RelativeTimeRange.From, 7*24*3600, "longer than a pause between test runs")
		assert.Equal(t, r.Condition, r.Data[2].RefID)
		for i, d := range r.Data {
			assert.Equal(t, d.RefID, d.Model.RefID)
			assert.Equal(t, d.DatasourceUID, d.Model.Datasource.UID)
			if i > 0 {
				assert.Equal(t, r.Data[i-1].RefID, d.Model.Expression)
			}
		}
	}
	provisioned, err := grafana.Provisioning.ReadFile("provisioning/datasources/influxdb.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(provisioned), "uid: pymon-bridge-influxdb", "the data source of the rules exists")
}

// TestAlertTextsHaveNoVariable: Grafana replaces environment variables in these files, except in queries.
func TestAlertTextsHaveNoVariable(t *testing.T) {
	files := map[string][]byte{}
	for _, from := range []fs.FS{grafana.Provisioning, grafana.Examples} {
		require.NoError(t, fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && strings.Contains(name, "alerting/") && path.Ext(name) == ".yaml" {
				files[name], err = fs.ReadFile(from, name)
			}
			return err
		}))
	}
	require.Len(t, files, 3)
	for name, content := range files {
		text := strings.ReplaceAll(string(asJSON(t, content)), "${PYMON_PUBLIC_URL}/", "/") // the address of the bridge
		assert.NotContains(t, text, "$", name)
	}
}

// TestAlertingFitsGrafanaModels checks that Grafana's own models know every setting, and that the check finds a misspelt
// setting.
func TestAlertingFitsGrafanaModels(t *testing.T) {
	python := filepath.Join(harness.Root(t), ".cache", "py", "grafana", "bin", "python")
	require.FileExists(t, python, "make python installs the tools for this test")
	check := func(yamlFile string, change func(string) string) (string, error) {
		content, err := os.ReadFile(yamlFile)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "x.json")
		require.NoError(t, os.WriteFile(file, []byte(change(string(asJSON(t, content)))), 0o600))
		out, err := exec.Command(python, "testdata/check_alerting.py", file).CombinedOutput()
		return string(out), err
	}
	for file, word := range map[string]string{
		"provisioning/alerting/rules.yaml": "noDataState", "examples/alerting/contact-point.yaml": "disableResolveMessage",
		"examples/alerting/notification-policy.yaml": "group_wait"} {
		out, err := check(file, func(s string) string { return s })
		assert.NoError(t, err, out)
		out, err = check(file, func(s string) string { return strings.Replace(s, `"`+word+`"`, `"`+word+`s"`, 1) })
		require.Error(t, err, "%s: %s is misspelt", file, word)
		assert.Contains(t, out, word+"s")
	}
}

// rowsAt returns the result of the rule's query at a time. It checks the form that Grafana's alerting needs: one table
// with one row for each alert. The row has a time, a number, and texts as labels. No two tables have the same labels.
func (r rule) rowsAt(t *testing.T, db *harness.Influx, bucket string, at time.Time) []harness.Row {
	t.Helper()
	rows := db.Query(strings.NewReplacer("v.timeRangeStart", at.Add(-time.Duration(r.Data[0].RelativeTimeRange.From)*time.Second).Format(time.RFC3339Nano),
		"v.timeRangeStop", at.Format(time.RFC3339Nano), "v.defaultBucket", `"`+bucket+`"`).Replace(r.Data[0].Model.Query))
	tables := map[any]string{}
	for _, row := range rows {
		labels := map[string]string{}
		for name, value := range row {
			switch name {
			case "result", "table":
			case "_time":
				assert.IsType(t, time.Time{}, value)
			case "_value":
				assert.IsType(t, 0.0, value)
			default:
				require.IsType(t, "", value, "label %s", name)
				labels[name] = value.(string)
			}
		}
		for _, m := range regexp.MustCompile(`\.Labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"]+r.Annotations["page"], -1) {
			assert.NotEmpty(t, labels[m[1]], "the text of %s uses the label %s", r.Title, m[1])
		}
		text, _ := json.Marshal(labels)
		require.NotContains(t, tables, row["table"], "one row for each alert")
		for _, other := range tables {
			require.NotEqual(t, other, string(text), "two alerts with the same labels")
		}
		tables[row["table"]] = string(text)
	}
	return rows
}

// fires reports whether a value is above the threshold of the rule.
func (r rule) fires(row harness.Row) bool {
	return row["_value"].(float64) > r.Data[2].Model.Conditions[0].Evaluator.Params[0]
}

// TestAlertsFollowTheRuns checks that an alert starts when its condition begins, names the test, and ends afterwards.
func TestAlertsFollowTheRuns(t *testing.T) {
	db, h := harness.SharedInflux(t), realistic()
	bucket, _ := h.store(t, db)
	all := rules(t)
	after := func(n int) time.Time { return h.starts[n].Add(time.Hour) }

	slower := all["pymon-test-regression"]
	assert.Empty(t, slower.rowsAt(t, db, bucket, after(fatSince)), "a suspect gives no alert")
	rows := slower.rowsAt(t, db, bucket, after(slowSince+confirmAfter))
	ratios := map[string]float64{}
	for _, row := range rows {
		assert.True(t, slower.fires(row))
		assert.Equal(t, project, row["project"])
		if row["branch"] != "main" { // each branch has its own alerts
			continue
		}
		ratios[row["test"].(string)+" "+row["metric"].(string)] = row["_value"].(float64)
	}
	assert.Equal(t, map[string]float64{slowTest + " cpu_time": 2.3, slowTest + " total_time": 2.3, fatTest + " mem_usage": 3}, ratios)

	slow := all["pymon-suite-slow"]
	assert.Empty(t, slow.rowsAt(t, db, bucket, after(slowRun-1)))
	rows = slow.rowsAt(t, db, bucket, after(slowRun))
	require.Len(t, rows, 1)
	assert.InDelta(t, 1.5, rows[0]["_value"], 1e-9)
	assert.True(t, slow.fires(rows[0]))
	assert.Equal(t, "slow_machine", rows[0]["suite"])
	assert.Empty(t, slow.rowsAt(t, db, bucket, after(slowRun+1)), "the next run was as fast as usual")

	none := all["pymon-no-runs"]
	for _, row := range none.rowsAt(t, db, bucket, after(runCount)) {
		assert.False(t, none.fires(row), "%v", row)
	}
	rows = none.rowsAt(t, db, bucket, h.starts[runCount].Add(100*time.Hour))
	require.Len(t, rows, 2, "one for each project")
	for _, row := range rows {
		assert.True(t, none.fires(row), "%v", row)
	}
	assert.Empty(t, none.rowsAt(t, db, bucket, h.starts[runCount].Add(20*24*time.Hour)), "the rule looks back two weeks")
	for _, r := range all {
		assert.Empty(t, r.rowsAt(t, db, db.NewBucket("empty", 0), to), "%s without data", r.Title)
	}
}
