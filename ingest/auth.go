package ingest

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
	tokensMaxAge  = time.Second            // a revoked token opens no longer than this
	tokensMinAge  = 100 * time.Millisecond // a new token opens after this at the latest
	tokensTimeout = 2 * time.Second        // of the question to the store
)

// Authenticator decides who may pass, by the tokens in a store. It is safe for concurrent use.
//
// Where there are tokens, one is required, and it opens its own project only. Where there are none, the door is
// open if AllowOpen says so and shut otherwise. AllowOpen is a standing permission and not a memory: after the last
// token was revoked the door is as open as after a restart, which on an address that others can reach is not at all
// unless the operator said so. While the store cannot be asked, the tokens last read are used; before they were
// read for the first time, nobody passes.
type Authenticator struct {
	// AllowOpen lets everybody pass while there are no tokens. It is for listeners on loopback, and for operators
	// who asked for it.
	AllowOpen bool

	store TokenLister
	log   *slog.Logger

	reading sync.Mutex // held while the store is asked
	asked   time.Time  // when it last had been; under reading
	known   atomic.Pointer[tokenList]
}

// tokenList is what the store said at a moment. It is never changed.
type tokenList struct {
	tokens []monitor.Token
	read   time.Time // when it was asked
}

// NewAuthenticator returns a door for the tokens in store. It is shut while there are none; see [Authenticator.AllowOpen].
func NewAuthenticator(store TokenLister, log *slog.Logger) *Authenticator {
	return &Authenticator{store: store, log: log}
}

// Admit checks the value of an Authorization header for a request that names a project, or "" where it names none.
// It returns the project of the token, "" where the door is open. Fails with EUnauthorized without a valid token,
// with EForbidden where the token is for another project, and with EUnavailable while the tokens are not known.
func (d *Authenticator) Admit(ctx context.Context, authorization, project string) (string, error) {
	list, err := d.recent(ctx)
	if err != nil {
		return "", err
	}
	secret := credential(authorization)
	token := list.find(secret)
	if token == nil && secret != "" {
		list = d.renew(ctx)
		token = list.find(secret)
	}
	switch {
	case len(list.tokens) == 0 && d.AllowOpen:
		return "", nil
	case token == nil:
		return "", refused(secret, len(list.tokens))
	case project != "" && project != token.Project:
		return "", monitor.Errorf(monitor.EForbidden, "this token is not for project %s", project)
	}
	return token.Project, nil
}

func refused(secret string, tokens int) error {
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

// find compares with every token, in the same time whichever matches.
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

// recent returns the tokens as of a second ago or later. Of the requests that find them older one asks the store,
// and the others do not wait for it.
func (d *Authenticator) recent(ctx context.Context) (*tokenList, error) {
	list := d.known.Load()
	switch {
	case list == nil:
		list = d.renew(ctx)
	case time.Since(list.read) >= tokensMaxAge && d.reading.TryLock():
		defer d.reading.Unlock()
		list = d.read(ctx)
	}
	if list == nil {
		return nil, &monitor.Error{Code: monitor.EUnavailable, Message: "the tokens cannot be read at the moment",
			RetryAfter: tokensMaxAge}
	}
	return list, nil
}

// renew asks the store, unless that has been done a moment ago, and returns the tokens.
func (d *Authenticator) renew(ctx context.Context) *tokenList {
	d.reading.Lock()
	defer d.reading.Unlock()
	if time.Since(d.asked) < tokensMinAge {
		return d.known.Load()
	}
	return d.read(ctx)
}

// read asks the store. Where that fails the tokens known stay for another while; the result is nil only if there
// are none. A client that goes away does not spoil the answer for the others.
func (d *Authenticator) read(ctx context.Context) *tokenList {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokensTimeout)
	defer cancel()
	defer func() { d.asked = time.Now() }()
	next := &tokenList{read: time.Now()}
	tokens, err := d.store.Tokens(ctx)
	if err == nil {
		next.tokens = tokens
	} else {
		d.log.ErrorContext(ctx, "tokens cannot be read", "error", err)
		last := d.known.Load()
		if last == nil {
			return nil
		}
		next.tokens = last.tokens
	}
	d.known.Store(next)
	return next
}
