package monitor

// Outcome is what became of one test, whether or not it passed. Our own pytest plugin sends it; pytest-monitor measures
// tests that pass and says nothing of the others. A session has one outcome for each node id: the first accepted stays.
type Outcome struct {
	// Metric identifies the test and has what its last attempt measured. Its instant and its series are the outcome's.
	Metric

	NodeID   string // pytest's node id
	Outcome  string // "passed", "failed", "error", "skipped", "xfailed" or "xpassed"
	Attempts int64  // how often the test ran; more than 1 where a plugin ran it again

	SetupTime    float64 // seconds; NaN when absent, as for the next three
	TeardownTime float64 // seconds
	MemPeak      float64 // MiB: peak of the process
	MemTest      float64 // MiB: what the test added at most
}
