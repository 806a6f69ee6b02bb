package monitor

import "context"

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
