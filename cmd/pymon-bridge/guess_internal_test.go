package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The command that was meant is guessed behind general flags too.
func TestACommandIsGuessedBehindFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"chek"}, {"--color", "never", "chek"}, {"--color=never", "chek", "--url", "x"}} {
		var out, log bytes.Buffer
		assert.Equal(t, 2, (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), args))
		assert.Contains(t, log.String(), `did you mean "check"`, args)
	}
	var out, log bytes.Buffer
	assert.Equal(t, 2, (&Main{Stdout: &out, Stderr: &log}).Run(t.Context(), []string{"--data", "d", "zzzzzz"}))
	assert.Contains(t, log.String(), "unexpected argument zzzzzz", "a flag of the default command is known")
}
