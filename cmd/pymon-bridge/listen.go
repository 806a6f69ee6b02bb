package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// listen returns the socket to serve on. A socket from a service manager (systemd's LISTEN_FDS protocol) takes precedence,
// because clients then never see a restart. Otherwise listen opens a new socket on address.
func listen(address string) (l net.Listener, handedOver bool, err error) {
	inherited, err := activation.Listeners()
	if err != nil {
		return nil, false, fmt.Errorf("take the socket of the service manager: %w", err)
	}
	for _, l := range inherited {
		if l != nil {
			return l, true, nil
		}
	}
	config := net.ListenConfig{KeepAlive: -1} // the server's own timeouts end every connection whose client has gone
	config.SetMultipathTCP(false)             // the server sets a packet filter at its stop, which Multipath TCP does not support
	l, err = config.Listen(context.Background(), "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, false, fmt.Errorf("--listen: another program listens on %s: stop it, or choose another port", address)
	case err != nil:
		return nil, false, fmt.Errorf("--listen: %w", err)
	}
	return l, false, nil
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
