package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

func TestFirstTokenInTheFileSeparatesProjects(t *testing.T) {
	data := t.TempDir()
	fill(t, data)
	db := sqlite.New(data+"/"+sqlite.FileName, monitor.Zones{Server: time.UTC}, slog.New(slog.DiscardHandler))
	require.NoError(t, db.Open(t.Context()))
	defer db.Close()
	require.NoError(t, db.Append(t.Context(), []*monitor.Record{{Project: "p", Context: &monitor.Context{H: "c"}}}))
	store := cache.Separate{MetadataStore: db, Tokens: db.Tokens}
	codes := func(project string) []monitor.Code {
		_, noSession := store.Session(t.Context(), project, "s")
		_, noContext := store.Context(t.Context(), project, "c")
		return []monitor.Code{monitor.ErrorCode(noSession), monitor.ErrorCode(noContext)}
	}
	assert.Equal(t, []monitor.Code{"", ""}, codes(""))
	id, err := db.AddToken(t.Context(), monitor.Token{Project: "q", Hash: [32]byte{1}})
	require.NoError(t, err)
	assert.Equal(t, []monitor.Code{monitor.ENotFound, monitor.ENotFound}, codes(""))
	assert.Equal(t, []monitor.Code{"", ""}, codes("p"))
	require.NoError(t, db.RevokeToken(t.Context(), id))
	assert.Equal(t, []monitor.Code{monitor.ENotFound, monitor.ENotFound}, codes(""), "also after the last token is revoked")
}
