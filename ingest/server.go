package ingest

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

	"golang.org/x/net/netutil"
)

// Server serves a handler on a listener, within limits that keep a slow or greedy client from harming the others.
// The exported fields may be changed before [Server.Open].
type Server struct {
	MaxConns          int           // connections open at a time; more wait in the listener's queue
	MaxHeaderBytes    int           // of a request's line and headers; more is refused with 431
	ReadHeaderTimeout time.Duration // for the line and headers of a request; no answer after it
	ReadTimeout       time.Duration // from its beginning to the end of its body; refused with 408
	WriteTimeout      time.Duration // from the end of the headers to the end of the answer
	IdleTimeout       time.Duration // between two requests on one connection

	// CertFile and KeyFile make it serve TLS. They are read again when they change.
	CertFile, KeyFile string

	handler  http.Handler
	log      *slog.Logger
	http     *http.Server
	listener *drainListener
	conns    openConns
	done     chan struct{} // closed when serving ended, with err set
	err      error
	closing  sync.Once
}

// NewServer returns a server with default limits.
func NewServer(handler http.Handler, log *slog.Logger) *Server {
	return &Server{
		MaxConns:          1024,
		MaxHeaderBytes:    64 << 10,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		handler:           handler,
		log:               log,
		conns:             openConns{states: map[net.Conn]http.ConnState{}},
	}
}

// Open starts to serve on l, which it owns from then on: l may come from [net.Listen] or from a service manager.
// It fails where the certificate cannot be read; l then is still open. It is called once.
func (s *Server) Open(l net.Listener) error {
	s.http = &http.Server{
		Handler:           s.handler,
		MaxHeaderBytes:    s.MaxHeaderBytes,
		ReadHeaderTimeout: s.ReadHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		ConnState:         s.conns.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	if s.CertFile != "" {
		pair, err := openKeyPair(s.CertFile, s.KeyFile, s.log)
		if err != nil {
			return fmt.Errorf("read the TLS certificate: %w", err)
		}
		s.http.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	s.listener = newDrainListener(l)
	s.done = make(chan struct{})
	go s.serve(netutil.LimitListener(s.listener, s.MaxConns))
	return nil
}

func (s *Server) serve(l net.Listener) {
	defer close(s.done)
	if s.http.TLSConfig != nil {
		s.err = s.http.ServeTLS(l, "", "")
	} else {
		s.err = s.http.Serve(l)
	}
	if errors.Is(s.err, http.ErrServerClosed) || s.listener.draining() {
		s.err = nil
	}
}

// Wait returns when the server no longer takes connections: nil after [Server.Close], else why it cannot.
func (s *Server) Wait() error {
	<-s.done
	return s.err
}

// Close stops to take connections, answers every request on those taken and returns when that is done. Connections
// that wait in the listener's queue are taken first: the system would reset them, and the plugin has no second
// attempt. A connection on which nothing was sent is given a second to do so. When ctx ends before all are answered, the rest are cut off and its error is returned. Closing a server
// that was not opened, or again, does nothing.
func (s *Server) Close(ctx context.Context) (err error) {
	if s.done == nil {
		return nil
	}
	s.closing.Do(func() {
		s.http.SetKeepAlivesEnabled(false) // so that each connection ends with the answer it waits for
		s.listener.drain(s.done)
		s.conns.settle(ctx)
		if err = s.http.Shutdown(ctx); err != nil {
			err = errors.Join(fmt.Errorf("answer open requests: %w", err), s.http.Close())
		}
		<-s.done
	})
	return err
}
