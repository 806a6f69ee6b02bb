package httpd

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropSYN is a packet filter. It drops each packet that opens a connection.
var dropSYN = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},                   // the flags of the TCP header
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 0x02, Jt: 0, Jf: 1}, // go on to the next line for SYN
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},                                  // keep no byte
	{Code: unix.BPF_RET | unix.BPF_K, K: 1 << 16},                            // keep all
}

// refuseConnections makes the system let nobody connect to a listener any more. So its queue gets empty, and no client has
// a connection that is reset when the listener closes. A client that tries to connect tries again a second later, which
// may be after a restart. This needs TCP, and works without it on a best effort.
func refuseConnections(l net.Listener) {
	socket, ok := l.(syscall.Conn)
	if _, tcp := l.Addr().(*net.TCPAddr); !tcp || !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	program := &unix.SockFprog{Len: uint16(len(dropSYN)), Filter: &dropSYN[0]}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program)
	})
}

// unread says whether bytes of a client have arrived that the process has not read yet. Then it is not the client who is
// slow.
func unread(nc net.Conn) bool {
	socket, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var bytes int
	_ = raw.Control(func(fd uintptr) { bytes, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) // 0 after an error
	return bytes > 0
}
