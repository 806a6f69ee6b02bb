package main

import (
	"bytes"
	"database/sql"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// The bridge that serves the file may be older than the command, and its file may lack tables.
func TestCommandsNameAnOlderBridge(t *testing.T) {
	dir, quiet := t.TempDir(), slog.New(slog.DiscardHandler)
	bridge := sqlite.New(filepath.Join(dir, sqlite.FileName), monitor.Zones{Server: time.UTC}, quiet)
	require.NoError(t, bridge.Open(t.Context()))
	t.Cleanup(func() { require.NoError(t, bridge.Close()) })
	file, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	require.NoError(t, err)
	for _, table := range []string{"commands", "undeleted", "ends", "outcome_tallies"} {
		_, err := file.Exec("DROP TABLE " + table)
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	served := dataFlags{Data: dir}
	for name, run := range map[string]func(m *Main) error{
		"dead list": func(m *Main) error { return (&deadListCmd{dataFlags: served}).Run(t.Context(), m, quiet) },
		"dead show": func(m *Main) error { return (&deadShowCmd{dataFlags: served, Number: 1}).Run(t.Context(), m, quiet) },
		"dead retry": func(m *Main) error {
			return (&deadRetryCmd{dataFlags: served, chosenFlags: chosenFlags{All: true}}).Run(t.Context(), m, quiet)
		},
		"dead drop": func(m *Main) error {
			return (&deadDropCmd{dataFlags: served, chosenFlags: chosenFlags{All: true}}).Run(t.Context(), m, quiet)
		},
		"replay": func(m *Main) error { return (&replayCmd{dataFlags: served}).Run(t.Context(), m, quiet) },
		"delete": func(m *Main) error {
			return (&deleteCmd{dataFlags: served, Project: "shop", Yes: true}).Run(t.Context(), m, quiet)
		},
	} {
		err := run(&Main{Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
		assert.ErrorContains(t, err, "is older and does not know this command", name)
		assert.NotContains(t, err.Error(), "no such", name)
	}
	var out bytes.Buffer
	var exit *exitError
	require.ErrorAs(t, (&statusCmd{dataFlags: served}).Run(t.Context(), &Main{Stdout: &out}, quiet), &exit)
	assert.Contains(t, out.String(), "an older bridge serves this directory")
	assert.NotContains(t, out.String(), "in vain")
}
