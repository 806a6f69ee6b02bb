package monitor

import "context"

// RunStore answers questions about whole runs.
type RunStore interface {
	// RunSummary sums up the stored metrics of a run. It fails with ENotFound when the run does not exist.
	RunSummary(ctx context.Context, project, run string) (*RunSummary, error)
	// RunOf returns the id of the run of a session. For an unknown session this is the session's hash.
	RunOf(ctx context.Context, project, sessionH string) (string, error)
}
