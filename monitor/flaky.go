package monitor

// FlakyQuery chooses the runs in which flaky tests are looked for. A field with its zero value is no condition. Runs
// without outcomes are left out. So are sessions in which at least 20 tests failed, and more than passed: something was
// broken that all tests need.
type FlakyQuery struct {
	Project string  // empty for every project
	Branch  *string // may point to the empty branch
	Since   int64   // the runs started at this time or later, in UTC nanoseconds
	Last    int64   // maximum number of runs of each project; the newest are chosen
}

// FlakyTest is a test that did not always do the same, although nothing had changed. In the chosen runs it passed at a
// later attempt only, or it passed and failed on one commit and one class of machine. Sessions with [TagDirty] are compared with
// no other one. Jobs that the CI system names instead of a branch are compared with themselves only. An error counts as a failure.
// Node ids tell tests apart, without the addresses of objects.
type FlakyTest struct {
	Project string
	Seen    *Outcome // the newest outcome that shows it
	ScmRef  string   // of Seen; empty outside a repository
	Run     string   // of Seen

	Runs    int64 // chosen runs in which the test passed or failed
	Passed  int64 // outcomes
	Failed  int64 // outcomes, errors included
	Retried int64 // outcomes of Passed that needed more than one attempt
}

// PassRate is the share of outcomes that passed at the first attempt, from 0 to 1.
func (t *FlakyTest) PassRate() float64 {
	return float64(t.Passed-t.Retried) / float64(t.Passed+t.Failed)
}
