package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor/turns"
)

func TestMoreThreadsRunThanThereAreProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	t.Setenv("GOMAXPROCS", "1")
	setRuntime()
	assert.Equal(t, 1, runtime.GOMAXPROCS(0), "the operator's")
	t.Setenv("GOMAXPROCS", "")
	setRuntime()
	want := 1 // what was set stays where the machine has a limit of CPU
	if turns.Processors == runtime.NumCPU() {
		want = turns.Processors + 2
	}
	assert.Equal(t, want, runtime.GOMAXPROCS(0))
}

func TestTheOperatorsMemoryLimitWins(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	const other = 7 << 30
	before := debug.SetMemoryLimit(other)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "7GiB")
	setRuntime()
	assert.EqualValues(t, other, debug.SetMemoryLimit(-1))
	t.Setenv("GOMEMLIMIT", "")
	setRuntime()
	assert.EqualValues(t, memoryLimit, debug.SetMemoryLimit(-1))
}
