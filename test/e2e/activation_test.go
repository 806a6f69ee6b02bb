package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// The service manager hears when the bridge serves, also after an upgrade, and when it stops.
func TestAServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	require.NoError(t, err)
	defer manager.Close()
	require.NoError(t, manager.SetReadDeadline(time.Now().Add(2*time.Minute)))
	hears := func(want string) {
		t.Helper()
		said := make([]byte, 100)
		n, err := manager.Read(said)
		require.NoError(t, err)
		assert.Equal(t, want, string(said[:n]))
	}
	bridge := harness.StartBridge(t, harness.BridgeConfig{Env: []string{"NOTIFY_SOCKET=" + socket}})
	hears("READY=1")
	bridge.Upgrade()
	hears("READY=1")
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	hears("STOPPING=1")
}

// A bridge serves on one socket. With others that it was given, clients would wait for ever.
func TestSocketsOfAServiceManagerThatCannotBeServed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	stream, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer stream.Close()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer packets.Close()
	datagrams, err := packets.(*net.UDPConn).File()
	require.NoError(t, err)
	defer datagrams.Close()
	for name, c := range map[string]struct {
		env   []string
		files []*os.File
		says  string
	}{
		"two":       {[]string{"LISTEN_FDS=2", "LISTEN_FDNAMES=web:pymon"}, []*os.File{stream, stream}, "expected one socket of the service manager, got 2: web, pymon"},
		"datagrams": {[]string{"LISTEN_FDS=1", "LISTEN_FDNAMES=web"}, []*os.File{datagrams}, "expected a socket of the service manager that clients connect to, got web"},
		"none":      {[]string{"LISTEN_FDS=1"}, nil, "expected a socket of the service manager that clients connect to, got LISTEN_FD_3"},
	} {
		cmd := exec.Command("sh", "-c", `export LISTEN_PID=$$; exec "$0" --data "$1"`, harness.Program(t), t.TempDir())
		cmd.Env, cmd.ExtraFiles = append(harness.PlainEnvironment(), c.env...), c.files
		bridge := harness.StartProcess(t, cmd)
		ended := bridge.Wait().Sys().(syscall.WaitStatus)
		assert.Equal(t, 1, ended.ExitStatus(), name)
		assert.Contains(t, bridge.Output(), c.says, name)
	}
}
