package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// socket is what clients connect to.
type socket struct {
	listener net.Listener
	outlives bool         // somebody else has it too, so it stays open when the process ends
	from     *inheritance // nil unless the program before had it
}

// listen returns the socket to serve on. That of the program before, or one from a service manager (systemd's LISTEN_FDS
// protocol), takes precedence, because clients then never see a restart. Otherwise listen opens a new socket on address.
func listen(address string) (socket, error) {
	from, err := inherited()
	if err != nil {
		return socket{}, err
	}
	if from != nil {
		l, err := from.listener()
		return socket{l, from.Outlives, from}, err
	}
	if given := activation.Files(true); len(given) > 0 {
		l, err := onlySocket(given)
		return socket{l, true, nil}, err
	}
	l, err := listenOn(address)
	return socket{listener: l}, err
}

// onlySocket returns the socket of a service manager. A second one would accept connections that nobody answers.
func onlySocket(files []*os.File) (net.Listener, error) {
	if len(files) != 1 {
		var names []string
		for _, f := range files {
			names = append(names, f.Name())
		}
		return nil, fmt.Errorf("expected one socket of the service manager, got %d: %s", len(files), strings.Join(names, ", "))
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("expected a socket of the service manager that clients connect to, got %s: %w", files[0].Name(), err)
	}
	return l, files[0].Close()
}

func listenOn(address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1} // the server's own timeouts end every connection whose client has gone
	config.SetMultipathTCP(false)             // the server sets a packet filter at its stop, which Multipath TCP does not support
	l, err := config.Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("--listen: another program listens on %s: stop it, or choose another port", address)
	case err != nil:
		if _, wrong := errors.AsType[*net.AddrError](err); wrong {
			return nil, fmt.Errorf("--listen: expected an address and a port, such as 127.0.0.1:8080, got %q", address)
		}
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return l, nil
}

// loopback says whether only this machine can reach the listener.
func loopback(l net.Listener) bool {
	switch address := l.Addr().(type) {
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// baseURL returns the address of the listener for a client on this machine.
func baseURL(l net.Listener, tls bool) string {
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return l.Addr().Network() + ":" + l.Addr().String()
	}
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		if host = "localhost"; tls {
			if name, err := os.Hostname(); err == nil {
				host = name
			}
		}
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(address.Port))
}
