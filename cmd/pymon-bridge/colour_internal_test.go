package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The log of a job comes from a pipe and shows colours. Other pipes lead to programs, in a job too.
func TestOnlyReportsHaveColoursInTheLogOfAJob(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()); assert.NoError(t, w.Close()) })
	for _, name := range []string{"NO_COLOR", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "GITLAB_CI"} {
		t.Setenv(name, "")
	}
	m := &Main{}
	assert.False(t, m.coloured(w) || m.colouredReport(w), "no job")
	for _, job := range []string{"GITHUB_ACTIONS", "GITLAB_CI"} {
		t.Setenv(job, "true")
		assert.False(t, m.coloured(w), job)
		assert.True(t, m.colouredReport(w), job)
		t.Setenv("NO_COLOR", "1")
		assert.False(t, m.colouredReport(w), job)
		t.Setenv("NO_COLOR", "")
		t.Setenv(job, "")
	}
	for color, want := range map[string]bool{"always": true, "never": false} {
		m.color = color
		t.Setenv("GITLAB_CI", "true")
		assert.Equal(t, want, m.coloured(w))
		assert.Equal(t, want, m.colouredReport(w))
	}
}
