package main

import (
	"context"

	"pymon-bridge/monitor"
)

// separated is a metadata store that looks in any project only while there are no tokens: the first token separates
// the projects at once, and not only after the next start.
type separated struct {
	monitor.MetadataStore
	tokens monitor.TokenStore
}

// Context implements [monitor.MetadataStore].
func (s separated) Context(ctx context.Context, project, h string) (*monitor.Context, error) {
	if err := s.allow(ctx, project); err != nil {
		return nil, err
	}
	return s.MetadataStore.Context(ctx, project, h)
}

// Session implements [monitor.MetadataStore].
func (s separated) Session(ctx context.Context, project, h string) (*monitor.Session, error) {
	if err := s.allow(ctx, project); err != nil {
		return nil, err
	}
	return s.MetadataStore.Session(ctx, project, h)
}

// allow fails with ENotFound for any project where projects are separate.
func (s separated) allow(ctx context.Context, project string) error {
	if project != "" {
		return nil
	}
	known, err := s.tokens.Tokens(ctx)
	if err == nil && len(known) > 0 {
		err = monitor.Errorf(monitor.ENotFound, "projects are separate since there are tokens")
	}
	return err
}
