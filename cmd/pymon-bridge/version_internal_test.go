package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCommitOfABuild(t *testing.T) {
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	for want, settings := range map[string][]debug.BuildSetting{
		"":                          {{Key: "GOOS", Value: "linux"}},
		"0123456789ab":              {revision, {Key: "vcs.modified", Value: "false"}},
		"0123456789ab with changes": {revision, {Key: "vcs.modified", Value: "true"}},
	} {
		assert.Equal(t, want, commit(&debug.BuildInfo{Settings: settings}, true))
	}
	assert.Empty(t, commit(nil, false))
}
