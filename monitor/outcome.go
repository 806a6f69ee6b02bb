package monitor

// The outcomes of tests that have a measurement to compare with others. The measurement of a failed or a skipped test says
// nothing about its usual value.
const (
	Passed  = "passed"
	XPassed = "xpassed" // it was expected to fail, and passed
)

// The outcomes of tests that do not work.
const (
	OutcomeFailed = "failed"
	OutcomeError  = "error" // its set-up or its teardown failed
)

// Outcomes are the words for what became of a test.
var Outcomes = [...]string{Passed, OutcomeFailed, OutcomeError, "skipped", "xfailed", XPassed}

// Outcome is what became of one test, whether or not it passed. This project's pytest plugin sends it. pytest-monitor
// measures only tests that pass. A session has one outcome for each node id: the one that was accepted first.
type Outcome struct {
	// Metric identifies the test and has the measurements of its last attempt. The outcome has its instant and its
	// series.
	Metric

	NodeID   string // pytest's node id
	Outcome  string // one of [Outcomes]
	Attempts int64  // how often the test ran; more than 1 when a plugin ran it again

	SetupTime    float64 // seconds; NaN when absent, like the next three
	TeardownTime float64 // seconds
	MemPeak      float64 // MiB: peak of the process
	MemTest      float64 // MiB: the most that the test added
}
