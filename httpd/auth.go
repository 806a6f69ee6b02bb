package httpd

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

// TokenLister lists the tokens that are valid now, as [monitor.TokenStore] does.
type TokenLister interface {
	Tokens(ctx context.Context) ([]monitor.Token, error)
}

const (
	tokensMaxAge  = time.Second            // a revoked token is valid no longer than this
	tokensMinAge  = 100 * time.Millisecond // a new token is valid after this at the latest
	tokensTimeout = 2 * time.Second        // of the question to the store
)

// Authenticator decides who may pass, by the tokens in a store. It is safe for concurrent use.
//
// Where there are tokens, a request needs one, and reaches the project of that token only. Where there are none,
// everybody may pass if AllowAnonymous says so, and nobody otherwise. This also holds after the last token is revoked.
// While the store cannot be asked, the tokens last read stay valid. Before they are read for the first time, nobody
// passes.
type Authenticator struct {
	// AllowAnonymous lets everybody pass while there are no tokens. It is for listeners on loopback, and for operators
	// who asked for it.
	AllowAnonymous bool

	store TokenLister
	log   *slog.Logger

	reading sync.Mutex // held while the store is asked
	asked   time.Time  // when the store was last asked; under reading
	known   atomic.Pointer[tokenList]
}

// tokenList is what the store said at a moment. It is never changed.
type tokenList struct {
	tokens []monitor.Token
	read   time.Time // when the store was asked for it
}

// NewAuthenticator returns an authenticator by the tokens in store. While there are none it lets nobody pass.
func NewAuthenticator(store TokenLister, log *slog.Logger) *Authenticator {
	return &Authenticator{store: store, log: log}
}

// Admit checks the value of an Authorization header for a request to a project, "" where the request names none. It
// returns the project of the token, "" where none is needed. Fails with EUnauthorized without a valid token, with
// EForbidden where the token is for another project, and with EUnavailable while the tokens are not known.
func (a *Authenticator) Admit(ctx context.Context, authorization, project string) (string, error) {
	list, err := a.recent(ctx)
	if err != nil {
		return "", err
	}
	secret := credential(authorization)
	token := list.find(secret)
	if token == nil && secret != "" {
		list = a.renew(ctx)
		token = list.find(secret)
	}
	switch {
	case len(list.tokens) == 0 && a.AllowAnonymous:
		return "", nil
	case token == nil:
		return "", unauthorized(secret, len(list.tokens))
	case project != "" && project != token.Project:
		return "", monitor.Errorf(monitor.EForbidden, "this token is not for project %s", project)
	}
	return token.Project, nil
}

func unauthorized(secret string, tokens int) error {
	switch {
	case tokens == 0:
		return monitor.Errorf(monitor.EUnauthorized, "there are no tokens yet: make one with pymon-bridge token add PROJECT")
	case secret == "":
		return monitor.Errorf(monitor.EUnauthorized,
			"a token is required: use --remote-server http://x:TOKEN@host, a .netrc file, or Authorization: Bearer TOKEN")
	default:
		return monitor.Errorf(monitor.EUnauthorized, "this token is not valid")
	}
}

// find compares with every token, so that the time it takes does not tell which one matches.
func (l *tokenList) find(secret string) *monitor.Token {
	if secret == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(secret))
	match := -1
	for i := range l.tokens {
		same := subtle.ConstantTimeCompare(sum[:], l.tokens[i].Hash[:])
		match = subtle.ConstantTimeSelect(same, i, match)
	}
	if match < 0 {
		return nil
	}
	return &l.tokens[match]
}

// recent returns the tokens as of about a second ago. When they are older, one request asks the store and the others go
// on with the old list.
func (a *Authenticator) recent(ctx context.Context) (*tokenList, error) {
	list := a.known.Load()
	switch {
	case list == nil:
		list = a.renew(ctx)
	case time.Since(list.read) >= tokensMaxAge && a.reading.TryLock():
		defer a.reading.Unlock()
		list = a.read(ctx)
	}
	if list == nil {
		return nil, &monitor.Error{Code: monitor.EUnavailable, Message: "the tokens cannot be read at the moment",
			RetryAfter: tokensMaxAge}
	}
	return list, nil
}

// renew asks the store, unless it was asked a moment ago, and returns the tokens.
func (a *Authenticator) renew(ctx context.Context) *tokenList {
	a.reading.Lock()
	defer a.reading.Unlock()
	if time.Since(a.asked) < tokensMinAge {
		return a.known.Load()
	}
	return a.read(ctx)
}

// read asks the store. Where that fails, the tokens known so far are kept until the next attempt; the result is nil if
// there are none. A client that goes away does not end the question, because its answer is for all.
func (a *Authenticator) read(ctx context.Context) *tokenList {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokensTimeout)
	defer cancel()
	defer func() { a.asked = time.Now() }()
	next := &tokenList{read: time.Now()}
	tokens, err := a.store.Tokens(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "tokens cannot be read", "error", err)
		last := a.known.Load()
		if last == nil {
			return nil
		}
		tokens = last.tokens
	}
	next.tokens = tokens
	a.known.Store(next)
	return next
}
