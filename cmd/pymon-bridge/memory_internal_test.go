package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheOperatorsMemoryLimitWins(t *testing.T) {
	const other = 7 << 30
	before := debug.SetMemoryLimit(other)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "7GiB")
	limitMemory()
	assert.EqualValues(t, other, debug.SetMemoryLimit(-1))
	t.Setenv("GOMEMLIMIT", "")
	limitMemory()
	assert.EqualValues(t, memoryLimit, debug.SetMemoryLimit(-1))
}
