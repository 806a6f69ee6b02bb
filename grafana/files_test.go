package grafana_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/grafana"
)

// TestFilesHasEveryFile checks that Files returns every file of the three folders, and no other.
func TestFilesHasEveryFile(t *testing.T) {
	files, err := grafana.Files("")
	require.NoError(t, err)
	count := 0
	for _, folder := range []string{"dashboards", "provisioning", "examples"} {
		require.NoError(t, filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			count++
			content, err := os.ReadFile(name)
			assert.Equal(t, string(content), string(files[filepath.ToSlash(name)]), name)
			return err
		}))
	}
	assert.Len(t, files, count)
}

// TestDashboardsLinkToTheGivenBridge checks that the address that an export names is the value of the variable.
func TestDashboardsLinkToTheGivenBridge(t *testing.T) {
	for name, read := range map[string]func(string) (map[string][]byte, error){"provisioned": grafana.Files, "imported": grafana.ImportFiles} {
		files, err := read("https://ci.example.org/a&b")
		require.NoError(t, err, name)
		found := 0
		for file, content := range files {
			if !strings.HasPrefix(file, "dashboards/") {
				continue
			}
			assert.NotContains(t, string(content), "localhost:8080", file)
			var d dashboard
			require.NoError(t, json.Unmarshal(content, &d), file)
			for _, v := range d.Templating.List {
				if v.Name == "bridge_url" {
					found++
					assert.Equal(t, "https://ci.example.org/a&b", v.Query, file)
				}
			}
		}
		assert.Equal(t, 5, found, name)
	}
}

// TestImportFilesAskForTheDataSource checks that the input is the value of the data source variable, and that the rest of
// the dashboard does not change.
func TestImportFilesAskForTheDataSource(t *testing.T) {
	files, err := grafana.ImportFiles("")
	require.NoError(t, err)
	require.Len(t, files, len(dashboards(t)))
	for name, content := range files {
		var shared struct {
			Inputs     []struct{ Name, Type, PluginID string } `json:"__inputs"`
			Requires   []struct{ Type, ID, Version string }    `json:"__requires"`
			Templating struct {
				List []struct {
					Type    string
					Current struct{ Value any }
				}
			}
			Panels []struct{ Type string }
		}
		require.NoError(t, json.Unmarshal(content, &shared), name)
		require.Len(t, shared.Inputs, 1, name)
		input := shared.Inputs[0]
		assert.Equal(t, "datasource", input.Type)
		for _, v := range shared.Templating.List {
			if v.Type == "datasource" {
				assert.Equal(t, "${"+input.Name+"}", v.Current.Value, name)
			}
		}
		required := map[string]bool{}
		for _, r := range shared.Requires {
			required[r.Type+" "+r.ID] = true
		}
		assert.True(t, required["grafana grafana"] && required["datasource "+input.PluginID], name)
		for _, p := range shared.Panels {
			assert.Equal(t, p.Type != "row", required["panel "+p.Type], "%s: %s", name, p.Type)
		}

		var before, after map[string]any
		original, err := grafana.Dashboards.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(original, &before))
		require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(content), "${"+input.Name+"}", "chosen")), &after))
		delete(after, "__inputs")
		delete(after, "__requires")
		assert.Equal(t, before["panels"], after["panels"], name)
		assert.Len(t, after, len(before), name)
	}
}
