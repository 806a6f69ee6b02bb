package monitor

import "context"

// RunStore answers questions about whole runs.
type RunStore interface {
	// RunSummary summarises what is stored of a run. Fails with ENotFound when nothing is.
	RunSummary(ctx context.Context, project, run string) (*RunSummary, error)
	// RunOf returns the run that a session of a project belongs to: the session's hash where it is unknown.
	RunOf(ctx context.Context, project, sessionH string) (string, error)
}
