package httpd

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"pymon-bridge/monitor"
)

// TokenLister lists the tokens that are valid now. [monitor.TokenStore] implements it.
type TokenLister interface {
	Tokens(ctx context.Context) (monitor.TokenList, error)
}

const (
	tokensMaxAge  = time.Second            // a revoked token stays valid for at most this time
	tokensMinAge  = 100 * time.Millisecond // a new token becomes valid after at most this time
	tokensTimeout = 2 * time.Second        // limit for one read of the store
)

// Authenticator admits requests by the tokens in a store. It is safe for concurrent use.
//
//   - The store has tokens: a request needs a valid token. It may use only the project of this token,
//     and of this project's routes those that need one of the token's scopes.
//   - The store never had a token: every request passes if AllowAnonymous is set, else no request passes.
//   - All tokens are revoked: no request passes. Revoking a token must never open the bridge.
//   - The store cannot be read: the tokens of the last successful read stay valid. No request passes before the first
//     successful read.
type Authenticator struct {
	// AllowAnonymous admits every request until there is a first token. It is set for a listener on loopback, and if the
	// operator asks for it.
	AllowAnonymous bool
	// OnUse is called with the ID of the token for each request that has a valid one, also for a request that is refused
	// later.
	OnUse func(id int64)

	store TokenLister
	log   *slog.Logger

	reading  sync.Mutex // locked during a read of the store
	lastRead time.Time  // end of the last attempt to read the store; protected by reading
	known    atomic.Pointer[tokenList]
}

// tokenList has the tokens of one read of the store. It is immutable.
type tokenList struct {
	monitor.TokenList
	read time.Time // start of the read
}

// NewAuthenticator returns an authenticator that uses the tokens in store. AllowAnonymous is not set.
func NewAuthenticator(store TokenLister, log *slog.Logger) *Authenticator {
	return &Authenticator{OnUse: func(int64) {}, store: store, log: log}
}

// Admit checks the value of an Authorization header. project is the project that the request names, or "". Admit returns
// the token, or nil if no token is necessary. It fails with EUnauthorized without a valid token, with
// EForbidden if the token is for another project, and with EUnavailable while the tokens are not known.
func (a *Authenticator) Admit(ctx context.Context, authorization, project string) (*monitor.Token, error) {
	list, err := a.recent(ctx)
	if err != nil {
		return nil, err
	}
	secret := credential(authorization)
	token := list.find(secret)
	if token == nil && secret != "" { // the token may be new
		list = a.renew(ctx)
		token = list.find(secret)
	}
	switch {
	case a.AllowAnonymous && list.Access() == monitor.AccessOpen:
		return nil, nil
	case token == nil:
		return nil, list.unauthorized(secret)
	}
	return a.use(token, project)
}

// admitLogin does the same as Admit for a browser that logged in with the token that has this hash. ok is false if the token
// is not valid any more.
func (a *Authenticator) admitLogin(ctx context.Context, hash [32]byte, project string) (token *monitor.Token, ok bool, err error) {
	list, err := a.recent(ctx)
	if err != nil {
		return nil, true, err
	}
	if token = list.findHash(hash); token == nil {
		return nil, false, nil
	}
	token, err = a.use(token, project)
	return token, true, err
}

// use notes the use of a token, and refuses it for another project.
func (a *Authenticator) use(token *monitor.Token, project string) (*monitor.Token, error) {
	a.OnUse(token.ID)
	if project != "" && project != token.Project {
		return nil, monitor.Errorf(monitor.EForbidden, "this token is not for project %s", project)
	}
	return token, nil
}

func (l *tokenList) unauthorized(secret string) error {
	switch {
	case l.Access() == monitor.AccessClosed:
		return monitor.Errorf(monitor.EUnauthorized, "all tokens are revoked: make a token with pymon-bridge token add PROJECT")
	case l.Access() == monitor.AccessOpen:
		return monitor.Errorf(monitor.EUnauthorized, "there are no tokens yet: make a token with pymon-bridge token add PROJECT")
	case secret == "":
		return monitor.Errorf(monitor.EUnauthorized,
			"a token is required: use --remote-server http://x:TOKEN@host, a .netrc file, or Authorization: Bearer TOKEN")
	default:
		return monitor.Errorf(monitor.EUnauthorized, "this token is not valid")
	}
}

// find returns the token with this secret, or nil. It compares all tokens, so that its duration does not reveal which
// token matches.
func (l *tokenList) find(secret string) *monitor.Token {
	if secret == "" {
		return nil
	}
	return l.findHash(sha256.Sum256([]byte(secret)))
}

func (l *tokenList) findHash(sum [32]byte) *monitor.Token {
	now := time.Now()
	match := -1
	for i := range l.Valid {
		same := subtle.ConstantTimeCompare(sum[:], l.Valid[i].Hash[:])
		if e := l.Valid[i].Expires; !e.IsZero() && !now.Before(e) { // the list may be old, while the store cannot be read
			same = 0
		}
		match = subtle.ConstantTimeSelect(same, i, match)
	}
	if match < 0 {
		return nil
	}
	return &l.Valid[match]
}

// recent returns a list of tokens that is about one second old at most. If the list is older, one request reads the store.
// Other requests use the old list meanwhile.
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
		return nil, &monitor.Error{Code: monitor.EUnavailable, Message: "the tokens cannot be read now",
			RetryAfter: tokensMaxAge}
	}
	return list, nil
}

// renew returns the tokens of a read that began after the call. Attempts are tokensMinAge apart, and all calls that wait
// share the next one. Before the first success a call does not wait.
func (a *Authenticator) renew(ctx context.Context) *tokenList {
	called := time.Now()
	a.reading.Lock()
	defer a.reading.Unlock()
	list, wait := a.known.Load(), tokensMinAge-time.Since(a.lastRead)
	switch {
	case list == nil && wait > 0, list != nil && !list.read.Before(called):
		return list
	case list != nil:
		time.Sleep(wait)
	}
	return a.read(ctx)
}

// reload reads the store.
func (a *Authenticator) reload(ctx context.Context) {
	a.reading.Lock()
	defer a.reading.Unlock()
	a.read(ctx)
}

// read reads the store and returns the tokens. If this fails, it returns the tokens of the last successful read, or nil
// if there was none. A client that goes away does not stop the read, because all requests use the result.
func (a *Authenticator) read(ctx context.Context) *tokenList {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokensTimeout)
	defer cancel()
	defer func() { a.lastRead = time.Now() }()
	next := &tokenList{read: time.Now()}
	tokens, err := a.store.Tokens(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "cannot read the tokens", "error", err)
		last := a.known.Load()
		if last == nil {
			return nil
		}
		tokens = last.TokenList
	}
	next.TokenList = tokens
	a.known.Store(next)
	return next
}

// credential returns the token in the value of an Authorization header, or "". With the scheme Basic the token is the
// password; the user name does not matter. With the schemes Bearer and Token it is the text after the scheme.
// pytest-monitor can send only Basic.
func credential(authorization string) string {
	scheme, value, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	r := http.Request{Header: http.Header{"Authorization": {scheme + " " + strings.TrimSpace(value)}}}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Token") {
		return strings.TrimSpace(value)
	}
	return ""
}
