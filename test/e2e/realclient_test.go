package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// Real pytest runs the sample suite. In the same run the plugin writes its own file. InfluxDB must have the rows of this
// file, and nothing else.
func TestEachRowOfARealClientIsOnePoint(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, python, zone string
		sessions           int
		args               []string
	}{
		{"pytest 8.4", harness.Pytest84, "America/New_York", 1, nil},
		{"pytest 8.4 with workers", harness.Pytest84, "UTC", 5, []string{"-n", "4"}},
		{"pytest 9.1", harness.Pytest91, "UTC", 1, []string{"-c", "escaped.ini"}},
		{"pytest 9.1 with workers", harness.Pytest91, "Asia/Kolkata", 5, []string{"-n", "4"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			influx := harness.SharedInflux(t)
			bridge, bucket, meta := startBridge(t, influx, harness.BridgeConfig{})
			run := harness.Pytest{Python: tt.python, Git: true, Env: []string{"TZ=" + tt.zone}, Args: append(tt.args,
				"--remote-server", bridge.URL, "--restrict-scope-to", "function,module",
				"--description", "a run", "--tag", "run=build 7", "--tag", "branch=main",
				"--tag", "odd=a=b, \"c\"\\")}.Run(t)
			require.Equal(t, 1, run.ExitCode, run.Output()) // the suite has tests that fail
			require.NotContains(t, run.Output(), "Cannot insert", "the plugin's message about a server that refuses")
			bridge.WaitDelivered()

			pymon, stored := harness.ReadPymon(t, run.Database), points(t, influx, bucket)
			require.Greater(t, len(pymon.Metrics), 60)
			require.Len(t, pymon.Sessions, tt.sessions)
			assertArrived(t, pymon.Metrics, stored)
			assertPlaced(t, stored, tt.zone)
			for _, p := range stored {
				assert.Equal(t, "default", p.tag("project"))
				assert.Contains(t, p.tag("env"), " py3.")
				assert.Equal(t, "build 7", p.text("run"))
				assert.Equal(t, "main", p.text("branch"))
				assert.Equal(t, run.ScmRef, p.text("scm_ref"))
				assert.Empty(t, p.text("build"))
			}
			assertSessions(t, pymon.Sessions, influx.Points(meta, "sessions"))
			assertContexts(t, pymon.Contexts, influx.Points(meta, "contexts"))
		})
	}
}

// assertPlaced asserts that each point has the microsecond that the client's clock showed in the client's zone.
func assertPlaced(t *testing.T, stored []point, zone string) {
	t.Helper()
	location, err := time.LoadLocation(zone)
	require.NoError(t, err)
	for _, p := range stored {
		local, err := time.ParseInLocation("2006-01-02T15:04:05.999999", p.text("item_start_time"), location)
		require.NoError(t, err)
		assert.Equal(t, local.UTC(), p.row["_time"].(time.Time).Truncate(time.Microsecond))
	}
}

func assertSessions(t *testing.T, sent []harness.PymonSession, rows []harness.Row) {
	t.Helper()
	var stored []harness.PymonSession
	for _, row := range rows {
		p := point{t, row}
		stored = append(stored, harness.PymonSession{SessionH: p.text("session_h"), RunDate: p.text("run_date"),
			ScmRef: p.text("scm_ref"), Description: compact(t, p.text("description"))})
	}
	for n := range sent {
		sent[n].Description = compact(t, sent[n].Description)
	}
	assert.ElementsMatch(t, sent, stored)
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var tags map[string]string
	require.NoError(t, json.Unmarshal([]byte(text), &tags), text)
	out, err := json.Marshal(tags)
	require.NoError(t, err)
	return string(out)
}

func assertContexts(t *testing.T, sent []harness.PymonContext, rows []harness.Row) {
	t.Helper()
	var stored []harness.PymonContext
	for _, row := range rows {
		p := point{t, row}
		stored = append(stored, harness.PymonContext{H: p.text("h"), CPUCount: row["cpu_count"].(int64),
			CPUFrequency: p.float("cpu_frequency"), CPUType: p.text("cpu_type"), CPUVendor: p.text("cpu_vendor"),
			RAMTotal: row["ram_total"].(int64), MachineNode: p.text("machine_node"), MachineType: p.text("machine_type"),
			MachineArch: p.text("machine_arch"), SystemInfo: p.text("system_info"), PythonInfo: p.text("python_info")})
	}
	slices.SortFunc(stored, func(a, b harness.PymonContext) int { return strings.Compare(a.H, b.H) })
	slices.SortFunc(sent, func(a, b harness.PymonContext) int { return strings.Compare(a.H, b.H) })
	assert.Equal(t, sent, stored)
}
