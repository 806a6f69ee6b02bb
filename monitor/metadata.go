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

// MetadataSearch finds contexts and sessions by the beginning of their hash, taken literally.
type MetadataSearch interface {
	// Contexts returns up to max contexts of a project, or of every project when project is empty, whose hash
	// begins with prefix: an exact match first, then in the order of acceptance. It returns fewer where they take
	// more than a few megabytes.
	Contexts(ctx context.Context, project, prefix string, max int) ([]*Context, error)
	// Sessions does the same for sessions.
	Sessions(ctx context.Context, project, prefix string, max int) ([]*Session, error)
}

// MetadataCache is told of contexts and sessions that were just stored, so that it finds them at once.
type MetadataCache interface {
	PutContext(project string, c *Context)
	PutSession(project string, s *Session)
}
