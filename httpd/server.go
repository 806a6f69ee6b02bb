package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// Server accepts connections from a listener and passes each request to a mounted route. Its limits protect other clients
// from a slow or greedy client. The exported fields may be changed until the first request or [Server.Open].
type Server struct {
	// MaxConns is the limit of open connections. Above it, the server closes idle connections, then those whose clients are
	// far behind. 1,024 more may be open while they wait for the server, and 64 more for requests to public routes.
	MaxConns int
	// HTTP has the limits for the size and the time of a request. The server owns its other fields.
	HTTP http.Server

	// HandedOver says that the socket outlives the server. Connections in its queue are then for the next process. It may
	// be changed until Close.
	HandedOver bool

	// CertFile and KeyFile are PEM files. With them the server uses TLS. It reads the files again when they change.
	CertFile, KeyFile string

	// RequireProject makes the routes of [Server.Data] refuse a request without a project. The project can be in the path
	// or come from the token.
	RequireProject bool

	// HostNames are names of the bridge besides localhost and IP addresses. While no token is needed, requests to any
	// other name get 421.
	HostNames []string
	// PublicURL is the address of the bridge for clients, if it is not the address of the listener. It may be nil.
	PublicURL *url.URL
	// TrustedProxies has the addresses of proxies. From them the server believes X-Forwarded-For, which has the client's
	// address, and X-Forwarded-Prefix, which links begin with.
	TrustedProxies []netip.Prefix

	// OnRefused is called for every error answer. The reason is the code of the error. There are a few dozen codes.
	OnRefused func(reason string)
	// OnRequest is called after every answer, also after an incomplete answer. The route is a template such as
	// "/p/:project/metrics". Without a matching route, route and method are "", so that the number of pairs stays small.
	OnRequest func(method, route string, status int, took time.Duration)
	// ErrorPage, if it is set, answers a request with an error as a web page. It is called for requests that prefer a page,
	// except those below the base paths that end in /api/v1.
	ErrorPage func(c *gin.Context, answer ErrorAnswer)

	logins   logins
	codes    logins
	auth     *Authenticator
	log      *slog.Logger
	refusals *slog.Logger // for requests that are refused
	engine   *gin.Engine
	public   *gin.RouterGroup

	keyPair  *keyPair // nil without TLS
	listener *drainListener
	conns    openConns
	stopping atomic.Bool   // each connection closes after its next answer
	closed   chan struct{} // closed when no connection is open any more
	done     chan struct{} // closed when the server accepts no more connections; err is set before
	err      error
	closing  sync.Once
}

// New returns a server with default limits and without routes. auth checks its requests.
func New(auth *Authenticator, log *slog.Logger) *Server {
	s := &Server{
		MaxConns: 1024,
		HTTP: http.Server{
			MaxHeaderBytes:    64 << 10,          // request line and headers; 431 above it
			ReadHeaderTimeout: 10 * time.Second,  // request line and headers; no answer after it
			ReadTimeout:       60 * time.Second,  // start of the request to the end of its body; 408 after it
			WriteTimeout:      120 * time.Second, // end of the headers to the end of the answer
			IdleTimeout:       30 * time.Second,  // time between two requests on one connection
			ErrorLog:          slog.NewLogLogger(Limited(log, "more connections failed").Handler(), slog.LevelWarn),
		},
		OnRefused: func(string) {},
		OnRequest: func(string, string, int, time.Duration) {},
		logins:    logins{maxAge: loginMaxAge},
		codes:     logins{maxAge: codeMaxAge},
		auth:      auth,
		log:       log,
		refusals:  Limited(log, "more requests were refused"),
		engine:    newEngine(),
		conns:     openConns{open: map[*conn]struct{}{}, counts: map[phase]int{}, log: log},
		closed:    make(chan struct{}),
	}
	s.HTTP.Handler, s.HTTP.ConnState, s.HTTP.ConnContext = s, s.conns.setState, withConn
	s.HTTP.Protocols = new(http.Protocols)
	s.HTTP.Protocols.SetHTTP1(true) // with HTTP/2 the limit of connections would not limit the requests
	s.route()
	return s
}

// Open starts to serve on l and returns. l may come from [net.Listen] or from a service manager. The server closes l
// later. Open fails if it cannot read the certificate; l then stays open. Open may be called once.
func (s *Server) Open(l net.Listener) error {
	if s.CertFile != "" {
		pair, err := openKeyPair(s.CertFile, s.KeyFile, s.log)
		if err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
		s.keyPair = pair
		s.HTTP.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	s.conns.limit = s.MaxConns
	s.listener = s.conns.listen(l)
	s.done = make(chan struct{})
	go s.serve(s.listener)       // Close waits for it
	go s.conns.relieve(s.closed) // Close ends it
	return nil
}

func (s *Server) serve(l net.Listener) {
	defer close(s.done)
	if s.HTTP.TLSConfig != nil {
		s.err = s.HTTP.ServeTLS(l, "", "")
	} else {
		s.err = s.HTTP.Serve(l)
	}
	if errors.Is(s.err, http.ErrServerClosed) || s.listener.stopping.Load() {
		s.err = nil
	}
}

// Reload reads the certificate and the tokens again at once. The server also does this by itself, about once a second.
func (s *Server) Reload(ctx context.Context) {
	if s.keyPair != nil {
		s.keyPair.reload()
	}
	s.auth.reload(ctx)
}

// Wait returns when the server accepts no more connections. The error is nil after [Server.Close], else the reason.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Connections returns the number of open connections in each state: "new" before its first request, "idle" between two
// requests, "receiving" a body, "waiting" for memory for a body, "handling" a request, "sending" the answer.
func (s *Server) Connections() map[string]int { return s.conns.byPhase() }

// Close stops the server. It returns when every request on an accepted connection is answered.
//
// Close first accepts the connections in the listener's queue. The system would reset them, and pytest-monitor does not
// retry. A connection without a request gets one second to send it. If ctx ends earlier, Close cuts the remaining
// connections and logs how many they were. Close does nothing without [Server.Open], and nothing when it is called again.
func (s *Server) Close(ctx context.Context) error {
	if s.done == nil {
		return nil
	}
	s.closing.Do(func() {
		defer close(s.closed)
		s.stopping.Store(true)
		s.listener.drain(s.HandedOver, s.done)
		s.conns.waitAnswered(ctx)
		s.conns.cutSilent()
		if s.HTTP.Shutdown(ctx) != nil {
			s.log.Warn("connections were cut, because the time to stop has ended", "connections", s.conns.number())
			_ = s.HTTP.Close() // fails only if the listener does, and it is closed
			s.conns.waitClosed()
		}
		<-s.done
	})
	return nil
}
