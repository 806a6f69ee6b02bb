package main

import (
	"os"
	"runtime/debug"
)

// memoryLimit is the number of bytes from which on the runtime collects garbage more eagerly. It is no hard limit. It is
// above what the bridge really uses while it judges the largest run that it judges, so that the runtime never collects in
// vain.
const memoryLimit = 1536 << 20

// garbage is how much of what is in use may gather as garbage before the runtime collects it, in percent. With Go's default of
// 100 it takes much more memory to judge a large run.
const garbage = 50

// limitMemory sets memoryLimit and garbage, unless the operator has set others.
func limitMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
