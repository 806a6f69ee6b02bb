// Command generate writes the dashboards of package grafana as Grafana reads them: `go generate ./grafana` after a
// change. The queries and panels are written here once and shared; the JSON files are what is reviewed and shipped.
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

// all returns every dashboard.
func all() []*dashboard {
	return []*dashboard{overview(), testPage(), compare(), regressions(), machines(), bridge()}
}

// write stores each dashboard in a file of the folder.
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

// render returns a dashboard as JSON for people: indented, and with the < and > of queries as they are.
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
