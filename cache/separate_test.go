package cache_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/cache"
	"pymon-bridge/monitor"
)

func TestTheFirstTokenSeparatesProjects(t *testing.T) {
	var tokens []monitor.Token
	var broken error
	store := cache.Separate{MetadataStore: has(),
		Tokens: func(context.Context) ([]monitor.Token, error) { return tokens, broken }}
	found := func(project string) []monitor.Code {
		c, noContext := store.Context(t.Context(), project, "h")
		s, noSession := store.Session(t.Context(), project, "h")
		if noContext == nil && noSession == nil {
			assert.Same(t, someContext, c)
			assert.Same(t, someSession, s)
		}
		return []monitor.Code{monitor.ErrorCode(noContext), monitor.ErrorCode(noSession)}
	}
	assert.Equal(t, []monitor.Code{"", ""}, found(""))
	tokens = []monitor.Token{{ID: 1, Project: "q"}}
	assert.Equal(t, []monitor.Code{monitor.ENotFound, monitor.ENotFound}, found(""))
	assert.Equal(t, []monitor.Code{"", ""}, found("p"))
	tokens = nil // revoked
	assert.Equal(t, []monitor.Code{"", ""}, found(""))
	broken = errors.New("disk on fire")
	assert.Equal(t, []monitor.Code{monitor.EInternal, monitor.EInternal}, found(""), "it is not known who may see what")
	assert.Equal(t, []monitor.Code{"", ""}, found("p"))
}
