package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports are below the range that kernels use for outgoing connections. Inside that range, a client that keeps dialling a
// closed port sooner or later gets this port for its own side. Then it is connected to itself, and the server cannot listen
// again.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePort returns a free port of the loopback address.
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
