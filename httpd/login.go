package httpd

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

const (
	loginMaxAge = 30 * 24 * time.Hour // a browser has to log in again after this time
	maxLogins   = 10_000              // above it, logins of the token that has most end
	codeMaxAge  = time.Minute         // a code logs nobody in after this time
	loginCookie = "pymon-bridge"      // begins the name of the cookie
)

// logins has the browsers that logged in with a token. A browser has an opaque random id as a cookie, never the token. A
// login is valid as long as its token is, and for maxAge. A restart of the bridge ends all logins. Codes to log in with are kept in
// the same way.
type logins struct {
	maxAge time.Duration
	mu     sync.Mutex
	byID   map[[32]byte]login // by the hash of the id
}

type login struct {
	token   [32]byte // hash of the token
	created time.Time
}

// add returns the id of a new login.
func (l *logins) add(token [32]byte, now time.Time) (id string) {
	id = rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[[32]byte]login{}
	}
	for len(l.byID) >= maxLogins {
		l.makeRoom()
	}
	l.byID[sha256.Sum256([]byte(id))] = login{token, now}
	return id
}

// makeRoom ends the oldest login of the token that has most. So no token ends the logins of others.
func (l *logins) makeRoom() {
	of := map[[32]byte]int{}
	for _, one := range l.byID {
		of[one.token]++
	}
	most := slices.Max(slices.Collect(maps.Values(of)))
	var oldest [32]byte
	var created time.Time
	for key, one := range l.byID {
		if of[one.token] == most && (created.IsZero() || one.created.Before(created)) {
			oldest, created = key, one.created
		}
	}
	delete(l.byID, oldest)
}

// find returns the hash of the token of a login.
func (l *logins) find(id string, now time.Time) (token [32]byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, ok := l.byID[sha256.Sum256([]byte(id))]
	return one.token, ok && now.Sub(one.created) < l.maxAge
}

// take does the same as find, and ends the login. Of several at the same time, one gets it.
func (l *logins) take(id string, now time.Time) (token [32]byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := sha256.Sum256([]byte(id))
	one, ok := l.byID[key]
	delete(l.byID, key)
	return one.token, ok && now.Sub(one.created) < l.maxAge
}

func (l *logins) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, sha256.Sum256([]byte(id)))
}

// cookieName returns the name of the cookie. Browsers send a cookie to all ports of a host, so the name has the port.
func cookieName(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return loginCookie + "-" + port
	}
	return loginCookie
}

// loginOf returns the hash of the token that the browser logged in with. A cookie changes nothing unless the page that asks
// for the change is one of the bridge's own.
func (s *Server) loginOf(r *http.Request) (token [32]byte, ok bool) {
	if len(r.Header["Cookie"]) == 0 { // from every program but a browser
		return token, false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !s.ownOrigin(r) {
		return token, false
	}
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return token, false
	}
	return s.logins.find(cookie.Value, time.Now())
}

// LogIn checks a token that a browser sent in a form, and gives the browser a cookie. That ends the browser's earlier login. It
// returns the token's project, "" where the bridge needs no token. It fails with EUnauthorized without a valid token, and with
// EForbidden if the token may not read.
func (s *Server) LogIn(c *gin.Context, secret string) (project string, err error) {
	token, err := s.auth.Admit(c.Request.Context(), "Bearer "+secret, "")
	if err != nil || token == nil { // the bridge needs no token
		return "", err
	}
	return s.logIn(c, token)
}

// LoginCode returns a code with which a browser logs in with the token of the request: once, and within a minute. It is "" where the
// bridge needs no token.
func (s *Server) LoginCode(c *gin.Context) string {
	token := tokenOf(c)
	if token == nil {
		return ""
	}
	return s.codes.add(token.Hash, time.Now())
}

// LogInByCode does the same as [Server.LogIn] with a code. It uses the code up, and fails with EUnauthorized where there is no such
// code, or no such token any more.
func (s *Server) LogInByCode(c *gin.Context, code string) (project string, err error) {
	hash, ok := s.codes.take(code, time.Now())
	var token *monitor.Token
	if ok {
		token, ok, err = s.auth.admitLogin(c.Request.Context(), hash, "")
	}
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", monitor.Errorf(monitor.EUnauthorized, "this code was used already, or is older than a minute")
	}
	return s.logIn(c, token)
}

// logIn gives a browser the cookie of a token.
func (s *Server) logIn(c *gin.Context, token *monitor.Token) (project string, err error) {
	if !token.Allows(monitor.ScopeRead) {
		return "", lacksScope(token, monitor.ScopeRead)
	}
	s.endLogin(c.Request)
	s.setLogin(c, s.logins.add(token.Hash, time.Now()), int(loginMaxAge.Seconds()))
	return token.Project, nil
}

// LogOut ends the login of a browser.
func (s *Server) LogOut(c *gin.Context) {
	s.endLogin(c.Request)
	s.setLogin(c, "", -1)
}

// endLogin ends the login whose cookie a request has, if any.
func (s *Server) endLogin(r *http.Request) {
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		s.logins.remove(cookie.Value)
	}
}

// LoggedIn says whether the request is that of a browser that logged in.
func (s *Server) LoggedIn(c *gin.Context) bool {
	_, ok := s.loginOf(c.Request)
	return ok && tokenOf(c) != nil
}

// MayRead says whether a browser may read a project without logging in, or without doing so again.
func (s *Server) MayRead(c *gin.Context, project string) bool {
	token, err := s.authenticate(c.Request, project)
	return err == nil && (token == nil || token.Allows(monitor.ScopeRead))
}

func (s *Server) setLogin(c *gin.Context, id string, maxAge int) {
	secure := c.Request.TLS != nil || s.PublicURL != nil && strings.EqualFold(s.PublicURL.Scheme, "https")
	// #nosec G124 -- without TLS, a browser would not send a secure cookie
	http.SetCookie(c.Writer, &http.Cookie{Name: cookieName(c.Request), Value: id, Path: LinkPrefix(c) + "/", MaxAge: maxAge,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}
