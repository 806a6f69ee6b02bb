package cache

import (
	"context"

	"pymon-bridge/monitor"
)

// Separate is a [monitor.MetadataStore] that keeps projects apart from the first token on. Then lookups in any project
// (project is empty) fail with ENotFound. The first token separates the projects at once, without a restart.
type Separate struct {
	monitor.MetadataStore
	// Tokens lists the tokens. Its errors are returned.
	Tokens func(ctx context.Context) (monitor.TokenList, error)
}

// Context implements [monitor.MetadataStore].
func (s Separate) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	if err := s.allow(ctx, project); err != nil {
		return nil, err
	}
	return s.MetadataStore.Context(ctx, project, h)
}

// Session implements [monitor.MetadataStore].
func (s Separate) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	if err := s.allow(ctx, project); err != nil {
		return nil, err
	}
	return s.MetadataStore.Session(ctx, project, h)
}

// allow returns an error when a lookup in the project is not allowed.
func (s Separate) allow(ctx context.Context, project string) error {
	if project != "" {
		return nil
	}
	tokens, err := s.Tokens(ctx)
	if err == nil && tokens.Access() != monitor.AccessOpen {
		err = monitor.Errorf(monitor.ENotFound, "projects are separate because there are or were tokens")
	}
	return err
}
