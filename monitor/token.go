package monitor

import (
	"context"
	"time"
)

// Token lets clients write to and read from one project. The token itself is a secret; only its SHA-256 is stored.
type Token struct {
	ID      int64
	Project string
	Label   string // the operator's name for it
	Created time.Time
	Hash    [32]byte
}

// TokenStore keeps the tokens. Its methods see changes by other processes.
type TokenStore interface {
	// AddToken stores a token's hash and returns its ID.
	AddToken(ctx context.Context, t Token) (int64, error)
	// RevokeToken removes a token. It fails with ENotFound when no token has this ID.
	RevokeToken(ctx context.Context, id int64) error
	// Tokens lists all tokens in the order of their creation.
	Tokens(ctx context.Context) ([]Token, error)
	// HadTokens says whether there was ever a token, revoked ones included.
	HadTokens(ctx context.Context) (bool, error)
}
