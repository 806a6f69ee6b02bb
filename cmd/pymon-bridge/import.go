package main

import (
	"context"
	"errors"
	"log/slog"
)

// importCmd brings in records that a bridge did not get from pytest: from files, or from InfluxDB.
type importCmd struct {
	Files []string `arg:"" optional:"" name:"file" help:"File of pytest-monitor (.pymon), or of a bridge (pymon.db, a backup)."`

	dataFlags
	To    string `help:"Send the records to the bridge at this address instead of writing into --data. The address is as in pytest's --remote-server." placeholder:"URL"`
	Token string `help:"Token for --to. It is safer in the environment variable, or in the file that PYMON_TOKEN_FILE names." placeholder:"TOKEN" env:"PYMON_TOKEN" file:"" type:"secret"`

	Projects []string `name:"project" help:"Project of the imported sessions. A session that is known already stays in its project; a bridge with tokens looks only into that of the token. With --from-influx, only this project is imported; repeatable." placeholder:"NAME" env:"PYMON_PROJECT"`
	Project  string   `kong:"-"` // the one of Projects, for files
	Timezone string   `help:"Time zone of the clocks that wrote a .pymon file, such as Europe/Paris or +05:30. Without this flag, a session that is known already has its own, and others have the zone of this machine." placeholder:"ZONE" env:"PYMON_CLIENT_TIMEZONE"`
	DryRun   bool     `help:"Say what would be new, and change nothing."`
	JSON     bool     `name:"json" help:"Print one JSON object instead of text."`

	importInfluxFlags
}

func (*importCmd) Help() string {
	return `Examples:

  pymon-bridge import --data /var/lib/pymon-bridge --project shop old/.pymon
  pymon-bridge import --to https://bridge.example.org/p/shop --timezone Europe/Paris .pymon
  pymon-bridge import --dry-run --data /var/lib/pymon-bridge backup/pymon.db
  pymon-bridge import --from-influx --data /var/lib/pymon-bridge --project shop --project bank`
}

func (c *importCmd) Validate() error {
	switch {
	case c.FromInflux && len(c.Files) > 0:
		return errors.New("--from-influx: expected no files beside it")
	case !c.FromInflux && len(c.Files) == 0:
		return errors.New("expected the name of a file, or --from-influx")
	case !c.FromInflux && len(c.Projects) > 1:
		return errors.New("--project: expected one project for files")
	}
	if len(c.Projects) == 1 {
		c.Project = c.Projects[0]
	}
	return c.validateInflux()
}

// Run imports the files, or what InfluxDB has.
func (c *importCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.FromInflux {
		return c.fromInflux(ctx, m, logger)
	}
	return c.importFiles(ctx, m, logger)
}
