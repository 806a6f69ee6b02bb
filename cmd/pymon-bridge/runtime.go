package main

import (
	"os"
	"runtime"
	"runtime/debug"

	"pymon-bridge/monitor/turns"
)

// memoryLimit is the number of bytes from which on the runtime collects garbage more eagerly. It is no hard limit. It is
// above what the bridge really uses while it judges the largest run that it judges, so that the runtime never collects in
// vain.
const memoryLimit = 1536 << 20

// garbage is how much of what is in use may gather as garbage before the runtime collects it, in percent. With Go's default of
// 100 it takes much more memory to judge a large run.
const garbage = 50

// waitForDisk is how many threads may wait for the disk at once: one syncs a commit, and one copies SQLite's log. Go lets as many
// threads run as there are processors. A thread that waits for the disk counts as a running one for up to 10 ms. So a post would wait
// for a page although a processor is idle.
const waitForDisk = 2

// setRuntime sets memoryLimit and garbage, and adds waitForDisk to GOMAXPROCS, unless the operator has set others. Where a container
// has a limit of CPU, more threads would use it up for a moment and be stopped for the next, so Go's number stays.
func setRuntime() {
	if os.Getenv("GOMAXPROCS") == "" && turns.Processors == runtime.NumCPU() {
		runtime.GOMAXPROCS(turns.Processors + waitForDisk)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
