package monitor

import (
	"context"
	"errors"
)

// MetadataStore finds contexts and sessions by their hash. It is safe for concurrent use. Callers must not change the
// values that it returns, since others share them.
type MetadataStore interface {
	// Context returns the context of a project with exactly this hash. With an empty project it returns the first
	// accepted context of all projects with this hash. It fails with ENotFound when there is none.
	Context(ctx context.Context, project, h string) (*Context, error)
	// Session does the same for sessions.
	Session(ctx context.Context, project, h string) (*Session, error)
}

// ErrNotAsked is the cause of an ENotFound when a store did not ask everywhere: a part of it is away, is slow, or was asked
// too often.
var ErrNotAsked = errors.New("another store could not be asked now")

// MetadataCache gets contexts and sessions that were just stored, so that it finds them at once.
type MetadataCache interface {
	PutContext(project string, c *Context)
	PutSession(project string, s *Session)
}

// Lookups counts the lookups in a cache of contexts and sessions since the start.
type Lookups struct {
	Hits     uint64 // answered with a value from the cache
	Misses   uint64 // answered by the store
	Negative uint64 // answered with a remembered absence
}
