package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range that kernels give to outgoing connections. A client that keeps dialling a
// dead port inside that range sooner or later gets it as its own end, is connected to itself, and keeps the server
// from coming back.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePort returns a port of the loopback address that nobody listens on.
func freePort() (int, error) {
	l, err := listenAnywhere()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// listenAnywhere listens on a free port of the loopback address.
func listenAnywhere() (l net.Listener, err error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no free port from %d to %d: %w", firstPort, lastPort, err)
}
