//go:build !linux

package httpd

import "net"

// refuseConnections does nothing: this system cannot keep clients from connecting without closing the listener.
func refuseConnections(net.Listener) {}

// unread returns false: this system does not tell.
func unread(net.Conn) bool { return false }
