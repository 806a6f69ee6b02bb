package main

import (
	"os"
	"runtime/debug"
)

// memoryLimit is the number of bytes from which on the runtime collects garbage more eagerly. It is no hard limit. It is
// above what the bridge really uses while it judges the largest run that it judges, so that the runtime never collects in
// vain.
const memoryLimit = 1536 << 20

// limitMemory sets memoryLimit, unless the operator has set another limit.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
