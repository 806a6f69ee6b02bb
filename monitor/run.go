package monitor

import (
	"context"
	"slices"
	"strings"
	"time"
)

// RunWindow is how far the starts of a run's sessions may lie from the start of its leader.
const RunWindow = 15 * time.Second

// ImportedRun ends the id of an imported run whose sessions have the tag `run`. A live run may have the tag as its id, before or
// after the import, and imported sessions must not change it.
const ImportedRun = "-imported"

// Leader is the first accepted session of a run, with the fields that later sessions are compared with.
type Leader struct {
	Run         string
	Start       int64 // UTC nanoseconds
	ScmRef      Text
	Description string
	Client      string
	Measured    bool // the session has a metric or an outcome of its own, or has ended
}

// RunOf returns the id of the run that a new session belongs to. The id is the session's tag `run` if it has one.
// Otherwise the session joins the leader's run under three conditions. Both have the same commit, description and
// client address. They started within 15 s. The leader has no metric or outcome of its own, and has not ended.
// Otherwise the session is a run of its own.
//
// `pytest -n 4` has five sessions. The first one is the controller's and has no metrics. So the five sessions are one
// run. Plain runs that follow each other stay separate.
//
// leader is the project's most recent run leader with the session's commit, description and client; nil for none.
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

// RunEnd says of the sessions of a run how they ended. The zero value is that of no session.
type RunEnd struct {
	// Completion is partial if that of one session is, complete if those of all are, and else unknown. A session that
	// announced an end and has none is partial: its pytest died or is running.
	Completion Completion
	Partial    string // why the run is partial: up to three different reasons of its sessions
	Open       int    // number of sessions that did not say that they have ended
	// Whole says that a session is not partial. A run whose first attempt died is whole when the second one is complete.
	// Other runs are no baseline for it.
	Whole bool
}

// NotEnded is why a session is partial that announced an end and has none.
const NotEnded = "has not ended"

const maxReasons = 3

// Add adds a session.
func (e *RunEnd) Add(s *Session) {
	first := e.Completion == CompletionUnknown && e.Open == 0
	of, why := s.Completion, s.Reason
	if of == CompletionUnknown {
		e.Open++
	}
	if s.Method != "" && of == CompletionUnknown {
		of, why = Partial, NotEnded
	}
	e.Whole = e.Whole || of != Partial
	switch {
	case of == Partial:
		e.Completion = Partial
		e.addReason(why)
	case e.Completion == Partial:
	case of == CompletionUnknown || first:
		e.Completion = of
	}
}

func (e *RunEnd) addReason(why string) {
	reasons := strings.Split(e.Partial, ", ")
	switch {
	case why == "" || slices.Contains(reasons, why) || len(reasons) > maxReasons:
		return
	case len(reasons) == maxReasons:
		why = "…"
	}
	e.Partial = strings.TrimPrefix(e.Partial+", "+why, ", ")
}

// RunSummary sums up what one run has measured so far.
type RunSummary struct {
	Project   string
	Run       string
	ScmRef    string
	Branch    string
	Sessions  int
	Tests     int     // metrics of [KindFunction]
	Modules   int     // all other metrics
	TotalTime float64 // sum over the tests, in seconds
	Slowest   Extreme // seconds
	MostMem   Extreme // MiB
	NewSeries int     // tests and modules without an earlier measurement; in the project's first run these are all
	// FirstHour says that no session of the project was accepted more than an hour before this run: its first pipeline may have many runs.
	FirstHour bool
	RunEnd
}

// Unstable says that most tests of a run are new. Then the test ids probably contain something that changes from run to
// run, such as a random number or a date. Each run then makes new series in InfluxDB, and no test has a history.
func (s *RunSummary) Unstable() bool {
	const least = 50 // a day's work adds fewer tests
	return !s.FirstHour && s.NewSeries >= least && 2*s.NewSeries > s.Tests+s.Modules
}

// Extreme is the test with the greatest value. The zero value says that there is no such test.
type Extreme struct {
	ItemPath, ItemVariant string
	Value                 float64
}

// RunStore answers questions about whole runs.
type RunStore interface {
	// RunSummary sums up the stored metrics of a run. It fails with ENotFound when the run does not exist.
	RunSummary(ctx context.Context, project, run string) (*RunSummary, error)
	// Ended says whether a run has sessions, and each of them said that it has ended.
	Ended(ctx context.Context, project, run string) (bool, error)
	// RunOf returns the id of the run of a session, and whether the session said that it has ended. For an unknown session
	// the id is the session's hash.
	RunOf(ctx context.Context, project, sessionH string) (run string, ended bool, err error)
}
