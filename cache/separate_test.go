package cache_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
)

func TestFirstTokenSeparatesProjects(t *testing.T) {
	var tokens monitor.TokenList
	var broken error
	store := cache.Separate{MetadataStore: findsAll(),
		Tokens: func(context.Context) (monitor.TokenList, error) { return tokens, broken }}
	codes := func(project string) []monitor.Code {
		c, noContext := store.Context(t.Context(), project, "h")
		s, noSession := store.Session(t.Context(), project, "h")
		if noContext == nil && noSession == nil {
			assert.Same(t, someContext, c)
			assert.Same(t, someSession, s)
		}
		return []monitor.Code{monitor.ErrorCode(noContext), monitor.ErrorCode(noSession)}
	}
	assert.Equal(t, []monitor.Code{"", ""}, codes(""))
	tokens.Valid = []monitor.Token{{ID: 1, Project: "q"}}
	assert.Equal(t, []monitor.Code{monitor.ENotFound, monitor.ENotFound}, codes(""))
	assert.Equal(t, []monitor.Code{"", ""}, codes("p"))
	tokens = monitor.TokenList{Had: true}
	assert.Equal(t, []monitor.Code{monitor.ENotFound, monitor.ENotFound}, codes(""), "revoked")
	broken = errors.New("disk on fire")
	assert.Equal(t, []monitor.Code{monitor.EInternal, monitor.EInternal}, codes(""), "not allowed while tokens are unknown")
	assert.Equal(t, []monitor.Code{"", ""}, codes("p"))
}
