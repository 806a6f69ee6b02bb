package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pymon-bridge/grafana"
)

type grafanaCmd struct {
	Export grafanaExportCmd `cmd:"" help:"Write dashboards, alert rules and provisioning files into a directory."`
}

type grafanaExportCmd struct {
	Dir       string `arg:"" help:"Directory for the directories dashboards, provisioning and examples."`
	ForImport bool   `help:"Write only the dashboards, for import by hand. Grafana then asks for the data source."`
	BridgeURL string `help:"Address of the bridge, which dashboards link to." placeholder:"URL" env:"PYMON_PUBLIC_URL"`
	Force     bool   `help:"Overwrite files that differ."`
}

func (*grafanaExportCmd) Help() string {
	return `
    pymon-bridge grafana export ./grafana --bridge-url https://pymon.example.org
    pymon-bridge grafana export --for-import ./dashboards`
}

func (c *grafanaExportCmd) Validate() error {
	if _, ok := webAddress(c.BridgeURL); c.BridgeURL != "" && !ok {
		return errors.New("--bridge-url: expected an address such as https://pymon.example.org")
	}
	return nil
}

// Run writes the files. It writes none of them when an existing file differs, unless Force is set.
func (c *grafanaExportCmd) Run(m *Main) error {
	read := grafana.Files
	if c.ForImport {
		read = grafana.ImportFiles
	}
	files, err := read(strings.TrimRight(c.BridgeURL, "/"))
	if err != nil {
		return fmt.Errorf("read the files in this program: %w", err)
	}
	missing, different, err := c.compare(files)
	if err != nil {
		return err
	}
	if len(different) > 0 && !c.Force {
		return fmt.Errorf("nothing was written, because these files exist and differ: %s; "+
			"use --force to overwrite them, or choose another directory", strings.Join(different, ", "))
	}
	for _, name := range slices.Concat(missing, different) {
		if err := write(filepath.Join(c.Dir, filepath.FromSlash(name)), files[name]); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(m.Stdout, "%s: %d files written, %d overwritten, %d unchanged.\n",
		c.Dir, len(missing), len(different), len(files)-len(missing)-len(different))
	return err
}

// compare returns the names of the files that do not exist yet, and of the files that exist and differ.
func (c *grafanaExportCmd) compare(files map[string][]byte) (missing, different []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		existing, err := os.ReadFile(filepath.Join(c.Dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, name)
		case err != nil:
			return nil, nil, err
		case !bytes.Equal(existing, files[name]):
			different = append(different, name)
		}
	}
	return missing, different, nil
}

// write writes a file. Grafana runs as another user, so everybody can read the file.
func write(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { // #nosec G301 -- not a secret
		return err
	}
	return os.WriteFile(file, content, 0o644) // #nosec G306 -- not a secret
}
