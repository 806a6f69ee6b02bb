// Command generate writes the dashboards of package grafana as JSON files for Grafana. Run `go generate ./grafana` after a
// change. Queries and panels that several dashboards share are in this code once. The JSON files are reviewed and shipped.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// all returns all dashboards.
func all() []*dashboard {
	return []*dashboard{overview(), testPage(), compare(), regressions(), machines(), bridge()}
}

// write writes each dashboard to a file in the folder.
func write(folder string) error {
	for _, d := range all() {
		content, err := render(d)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, d.file+".json"), content, 0o644); err != nil { // #nosec G306 -- not a secret
			return err
		}
	}
	return nil
}

// render returns a dashboard as readable JSON: with indents, and without escapes for < and > in queries.
func render(d *dashboard) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", d.file, err)
	}
	return b.Bytes(), nil
}
