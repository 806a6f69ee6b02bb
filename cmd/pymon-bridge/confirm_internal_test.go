package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A script has no terminal. It must never wait for an answer, nor confirm by accident.
func TestConfirmNeedsATerminal(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	defer write.Close()
	_, err = write.WriteString("y\n")
	require.NoError(t, err)
	nothing, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer nothing.Close()
	for name, in := range map[string]*os.File{"pipe": read, "empty device": nothing} {
		var asked bytes.Buffer
		m := &Main{Stdin: in, Stderr: &asked}
		assert.False(t, m.confirm("Revoke %d?", 1), name)
	}
}
