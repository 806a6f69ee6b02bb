package monitor

import "time"

// RunWindow is how long after the first session of a run further sessions may start to belong to it.
const RunWindow = 15 * time.Second

// Leader is the first accepted session of a run, as far as later sessions need to know it.
type Leader struct {
	Run         string
	Start       int64 // UTC nanoseconds
	ScmRef      Text
	Description string
	Client      string
	Measured    bool // it has a metric of its own
}

// RunOf returns the id of the run that a new session belongs to: its tag `run`; else the run of the leader, if
// both have the same commit, description and client address, the session started within 15 s of the leader, and
// the leader has no metric of its own; else a run of its own. So the five sessions of `pytest -n 4`, of which the
// first is the controller's and stays empty, are one run, and plain runs that follow each other are many.
// leader is the project's most recent run leader with the session's commit, description and client, or nil.
func RunOf(s *Session, client string, leader *Leader) string {
	if run := s.Tag(TagRun); run != "" {
		return run
	}
	if leader == nil || leader.Measured || leader.ScmRef != s.ScmRef || leader.Description != s.Description ||
		leader.Client != client {
		return s.SessionH
	}
	if (time.Duration(s.Start.UTC - leader.Start)).Abs() > RunWindow {
		return s.SessionH
	}
	return leader.Run
}

// RunSummary is what one run measured so far.
type RunSummary struct {
	Project   string
	Run       string
	ScmRef    string
	Branch    string
	Sessions  int
	Tests     int     // metrics of [KindFunction]
	Modules   int     // all other metrics
	TotalTime float64 // seconds, over the tests
	Slowest   Extreme // seconds
	MostMem   Extreme // MiB
	// NewSeries is how many tests and modules have no earlier measurement. All of them in the project's first run.
	NewSeries int
	FirstRun  bool // no session of the project was accepted before
}

// Unstable says that so much of a run was never measured before that its test ids are likely to contain something
// that changes from run to run, such as a random number or a date: each run then makes new series in InfluxDB, and no
// test has a history.
func (s *RunSummary) Unstable() bool {
	const least = 50 // fewer are what a day's work adds
	return !s.FirstRun && s.NewSeries >= least && 2*s.NewSeries > s.Tests+s.Modules
}

// Extreme is a test that stands out and by how much; the zero value says that there is none.
type Extreme struct {
	ItemPath, ItemVariant string
	Value                 float64
}
