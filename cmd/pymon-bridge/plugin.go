package main

import (
	"fmt"
	"path/filepath"

	"pymon-bridge/plugin"
)

type pluginCmd struct {
	Write string `required:"" placeholder:"DIR" help:"Directory for the plugin, which is one file. An older version there is replaced."`
}

func (*pluginCmd) Help() string {
	return `
    pymon-bridge plugin --write ./plugins`
}

// Run writes the file and says how pytest loads it.
func (c *pluginCmd) Run(m *Main) error {
	dir, err := filepath.Abs(c.Write)
	if err != nil {
		return err
	}
	if err := plugin.Write(dir); err != nil {
		return fmt.Errorf("--write: %w", err)
	}
	_, err = fmt.Fprintf(m.Stdout, "%s is written. Use it with: PYTHONPATH=%s pytest -p %s --remote-server URL\n",
		filepath.Join(dir, plugin.FileName), dir, plugin.Module)
	return err
}
