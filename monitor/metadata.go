package monitor

import "context"

// MetadataStore finds contexts and sessions by their hash. It is safe for concurrent use. What it returns is shared
// and must not be changed.
type MetadataStore interface {
	// Context returns the context of a project, or of any project (the one accepted first) when project is empty.
	// The hash must match exactly. Fails with ENotFound.
	Context(ctx context.Context, project, h string) (*Context, error)
	// Session does the same for sessions.
	Session(ctx context.Context, project, h string) (*Session, error)
}

// MetadataCache is told of contexts and sessions that were just stored, so that it finds them at once.
type MetadataCache interface {
	PutContext(project string, c *Context)
	PutSession(project string, s *Session)
}
