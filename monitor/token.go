package monitor

import (
	"context"
	"slices"
	"time"
)

// Token lets clients use one project. The token itself is a secret; only its SHA-256 is stored.
type Token struct {
	ID      int64
	Project string
	Label   string // the operator's name for it
	Scopes  []Scope
	Created time.Time
	Expires time.Time // from then on it is not valid; zero for never
	Used    time.Time // a recent use, see [TokenStore]; zero before the first
	Hash    [32]byte
	Lists   bool // errors may name the other projects of the bridge: its owner has the token
}

// Scope is something that a token allows in its project.
type Scope string

// The scopes.
const (
	ScopeWrite Scope = "write" // send records, and look up contexts and sessions by their whole hash, as pytest does
	ScopeRead  Scope = "read"  // read everything
	ScopeAdmin Scope = "admin" // everything that a token can allow
)

// Allows says whether the token has a scope, or one of several.
func (t *Token) Allows(scope Scope, or ...Scope) bool {
	return slices.ContainsFunc(t.Scopes, func(s Scope) bool { return s == ScopeAdmin || s == scope || slices.Contains(or, s) })
}

// TokenList has the tokens of a bridge at one moment.
type TokenList struct {
	Valid []Token // in the order of their creation
	Had   bool    // there is or was a token, revoked ones included
}

// Access says who may use a bridge.
type Access int

// The kinds of access.
const (
	AccessOpen   Access = iota // there was never a token: everybody whom the operator allows
	AccessTokens               // who has a token
	AccessClosed               // nobody: all tokens are revoked
)

// Access says who may use a bridge with these tokens.
func (l TokenList) Access() Access {
	switch {
	case len(l.Valid) > 0:
		return AccessTokens
	case l.Had:
		return AccessClosed
	}
	return AccessOpen
}

// TokenStore keeps the tokens. Its methods see changes by other processes. A token that has expired is like a revoked one.
// A serving bridge stores the last use of a token once a minute at most, so [Token.Used] may be a minute old.
type TokenStore interface {
	// AddToken stores a token's hash and returns its ID. It fails with EInvalid when a token has the same hash.
	AddToken(ctx context.Context, t Token) (int64, error)
	// RotateToken stores a token with another hash, but the project, label and scopes of the token with the ID, and returns
	// it. The old token expires at the given time, which may have passed. RotateToken fails with ENotFound when no token has
	// this ID, and with EInvalid when the old token expires already.
	RotateToken(ctx context.Context, id int64, hash [32]byte, expires time.Time) (Token, error)
	// RevokeToken removes a token. It fails with ENotFound when no token has this ID.
	RevokeToken(ctx context.Context, id int64) error
	// Tokens lists the tokens that are valid now.
	Tokens(ctx context.Context) (TokenList, error)
}
