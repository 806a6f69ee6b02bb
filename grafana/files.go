package grafana

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// defaultBridge is the value of the variable with the address of the bridge, in JSON.
const defaultBridge = `"http://localhost:8080"`

// withBridge changes the address of the bridge in dashboards. An empty one changes nothing.
func withBridge(files map[string][]byte, address string) (map[string][]byte, error) {
	if address == "" {
		return files, nil
	}
	value, err := json.Marshal(address)
	for name := range files {
		files[name] = bytes.ReplaceAll(files[name], []byte(defaultBridge), value)
	}
	return files, err
}

// Files returns all files for a Grafana server, by path: the folders dashboards, provisioning and examples. bridge is the address
// of the bridge that dashboards link to; empty for that of a bridge on the same machine.
func Files(bridge string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, from := range []embed.FS{Dashboards, Provisioning, Examples} {
		err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files[name], err = from.ReadFile(name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return withBridge(files, bridge)
}

// ImportFiles returns the dashboards by path, in Grafana's form for sharing. On import Grafana asks for the data source
// and lists missing plugins. bridge is that of [Files].
func ImportFiles(bridge string) (map[string][]byte, error) {
	names, err := fs.Glob(Dashboards, "dashboards/*.json")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		content, err := Dashboards.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if files[name], err = forImport(content); err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
	}
	return withBridge(files, bridge)
}

// leastGrafana is the oldest version of Grafana for which the dashboards are made.
const leastGrafana = "12.0.0"

// source is a type of data source.
type source struct{ input, label, id, name, description string }

// sources returns the types of data sources. The key is the query of the dashboard variable that chooses the source.
func sources() map[string]source {
	return map[string]source{
		"influxdb": {"DS_INFLUXDB", "InfluxDB", "influxdb", "InfluxDB",
			"An InfluxDB data source with the query language Flux. Its default bucket must have the measurements"},
		"prometheus": {"DS_PROMETHEUS", "Prometheus", "prometheus", "Prometheus", "A Prometheus that scrapes the bridge"},
	}
}

// forImport adds to a dashboard the inputs and requirements for its import. The input is the first value of the variable
// that chooses the data source.
func forImport(content []byte) ([]byte, error) {
	var board map[string]any
	if err := json.Unmarshal(content, &board); err != nil {
		return nil, err
	}
	templating, _ := board["templating"].(map[string]any)
	variables, _ := templating["list"].([]any)
	inputs, requires := []any{}, []any{required("grafana", "grafana", "Grafana", leastGrafana)}
	for _, v := range variables {
		variable, _ := v.(map[string]any)
		kind, _ := variable["query"].(string)
		s, known := sources()[kind]
		if variable["type"] != "datasource" || !known {
			continue
		}
		variable["current"] = map[string]any{"text": "${" + s.input + "}", "value": "${" + s.input + "}", "selected": true}
		inputs = append(inputs, map[string]any{"name": s.input, "label": s.label, "description": s.description,
			"type": "datasource", "pluginId": s.id, "pluginName": s.name})
		requires = append(requires, required("datasource", s.id, s.name, "1.0.0"))
	}
	for _, kind := range panelKinds(board) {
		requires = append(requires, required("panel", kind, kind, ""))
	}
	board["__inputs"], board["__requires"] = inputs, requires
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(board)
	return b.Bytes(), err
}

func required(kind, id, name, version string) map[string]any {
	return map[string]any{"type": kind, "id": id, "name": name, "version": version}
}

// panelKinds returns the kinds of the panels of a dashboard without repeats. A row is not a plugin, so it is not a kind.
func panelKinds(board map[string]any) []string {
	kinds := map[string]bool{}
	panels, _ := board["panels"].([]any)
	for _, p := range panels {
		panel, _ := p.(map[string]any)
		if kind, _ := panel["type"].(string); kind != "row" {
			kinds[kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}
