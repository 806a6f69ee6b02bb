package monitor

import (
	"context"
	"time"
)

// Token is a secret that lets clients write to and read from one project. Only its SHA-256 is stored.
type Token struct {
	ID      int64
	Project string
	Label   string // what the operator calls it
	Created time.Time
	Hash    [32]byte
}

// TokenStore keeps the tokens. Changes by another process are seen.
type TokenStore interface {
	// AddToken stores a token's hash and returns its ID.
	AddToken(ctx context.Context, t Token) (int64, error)
	// RevokeToken removes a token; ENotFound when there is none with this ID.
	RevokeToken(ctx context.Context, id int64) error
	// Tokens lists all tokens in the order of their creation.
	Tokens(ctx context.Context) ([]Token, error)
}
