package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/netutil"
)

// Server routes requests to what is mounted on it and serves them on a listener. Its limits keep a slow or greedy
// client from harming the others. The exported fields may be changed before the first request and [Server.Open].
type Server struct {
	MaxConns int // connections open at a time; more wait in the listener's queue
	// HTTP has the limits of a request's size and time. Its other fields are the server's own.
	HTTP http.Server

	// CertFile and KeyFile make it serve TLS. They are read again when they change.
	CertFile, KeyFile string

	// RequireProject makes [Server.Data] refuse requests that name no project, neither in the path nor by a token.
	RequireProject bool

	// OnRefused is called for every request that is answered with an error. The reason is one of a few dozen words.
	OnRefused func(reason string)
	// OnRequest is called for every request when it has been answered. The route is a template such as
	// "/p/:project/metrics". Where no route matched, route and method are both "", so that their number stays small.
	OnRequest func(method, route string, status int, took time.Duration)

	auth        *Authenticator
	log         *slog.Logger
	engine      *gin.Engine
	public      *gin.RouterGroup
	crossOrigin http.CrossOriginProtection

	listener *drainListener
	conns    openConns
	done     chan struct{} // closed when serving ended, with err set
	err      error
	closing  sync.Once
}

// New returns a server with default limits and no routes, whose clients auth admits.
func New(auth *Authenticator, log *slog.Logger) *Server {
	s := &Server{
		MaxConns: 1024,
		HTTP: http.Server{
			MaxHeaderBytes:    64 << 10,          // of a request's line and headers; more is refused with 431
			ReadHeaderTimeout: 10 * time.Second,  // for the line and headers of a request; no answer after it
			ReadTimeout:       60 * time.Second,  // from its beginning to the end of its body; refused with 408
			WriteTimeout:      120 * time.Second, // from the end of the headers to the end of the answer
			IdleTimeout:       120 * time.Second, // between two requests on one connection
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		OnRefused: func(string) {},
		OnRequest: func(string, string, int, time.Duration) {},
		auth:      auth,
		log:       log,
		engine:    newEngine(),
		conns:     openConns{states: map[net.Conn]http.ConnState{}},
	}
	s.HTTP.Handler, s.HTTP.ConnState = s, s.conns.setState
	s.route()
	return s
}

// Open starts to serve on l, which the server owns from then on. l may come from [net.Listen] or from a service
// manager. Open fails where the certificate cannot be read; l then is still open. It is called once.
func (s *Server) Open(l net.Listener) error {
	if s.CertFile != "" {
		pair, err := openKeyPair(s.CertFile, s.KeyFile, s.log)
		if err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
		s.HTTP.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	s.listener = &drainListener{Listener: l}
	s.done = make(chan struct{})
	go s.serve(netutil.LimitListener(s.listener, s.MaxConns))
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

// Wait returns when the server no longer takes connections: nil after [Server.Close], else why it cannot.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Close stops taking connections and returns when every request on those taken is answered. Connections that wait in
// the listener's queue are taken first: the system would reset them, and the plugin does not try again. A connection
// that has sent nothing yet gets a second to do so. When ctx ends before everything is answered, the rest is cut off and
// the error of ctx is returned. Closing a server that was not opened, or again, does nothing.
func (s *Server) Close(ctx context.Context) (err error) {
	if s.done == nil {
		return nil
	}
	s.closing.Do(func() {
		s.HTTP.SetKeepAlivesEnabled(false) // so that each connection ends with the answer it waits for
		s.listener.drain(s.done)
		s.conns.waitAnswered(ctx)
		if err = s.HTTP.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("answer open requests: %w", err), s.HTTP.Close())
		}
		<-s.done
	})
	return err
}
