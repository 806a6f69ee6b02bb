package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"pymon-bridge/test/harness"
)

const peerWorkers = "4" // as monitor-server-api's own script starts

// compare loads the bridge and then the plain server with clients of pytest-monitor only, which are those that the plain server is for:
// with the full rate and with a tenth. InfluxDB does not run beside the plain server.
func compare(tb testing.TB, out io.Writer, influx *harness.Influx, with harness.BridgeConfig, python string, c config) {
	tb.Helper()
	rates := []float64{c.rate, c.rate / 10}
	title := func(server string, rate float64) string {
		return fmt.Sprintf("%s, pytest-monitor only, %.0f rows a second for %v", server, rate, c.duration)
	}
	for _, rate := range rates {
		r := measureBridge(tb, influx, with, c.monitorOnly(rate, c.duration))
		r.course = nil // too short to say
		r.print(out, title("The bridge", rate))
		if err := r.err(); err != nil {
			tb.Errorf("%v", err)
		}
	}
	influx.Stop()
	for _, rate := range rates {
		loadPeer(tb, python, c.monitorOnly(rate, c.duration)).print(out, title("The plain server", rate))
	}
}

// loadPeer starts the plain server with an empty file and loads it.
func loadPeer(tb testing.TB, python string, c config) *result {
	tb.Helper()
	root := harness.Root(tb)
	if !filepath.IsAbs(python) {
		python = filepath.Join(root, python)
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	file, err := socket.(*net.TCPListener).File()
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	app := filepath.Join(root, "test", "load", "peer")
	env := append(os.Environ(), "PEER_DATABASE="+filepath.Join(tb.TempDir(), "peer.db"), "PYTHONDONTWRITEBYTECODE=1")
	prepare := exec.Command(filepath.Join(python, "bin", "python"), filepath.Join(app, "server.py"))
	prepare.Env = env
	if out, err := prepare.CombinedOutput(); err != nil {
		tb.Fatalf("the plain server needs its Python environment, which `make load` builds: %v\n%s", err, out)
	}
	cmd := exec.Command(filepath.Join(python, "bin", "gunicorn"), "--workers", peerWorkers, "--bind", "fd://3", "--chdir", app,
		"--no-control-socket", "server:app")
	cmd.Env, cmd.ExtraFiles = env, []*os.File{file}
	server := harness.StartProcess(tb, cmd)
	defer server.Stop()
	defer server.Signal(syscall.SIGTERM)
	t := target{url: "http://" + socket.Addr().String()}
	if _, err := dialer(t, headersMonitor, false, time.Now().Add(time.Minute)).do("GET", "/api/v1/sessions/", nil); err != nil {
		tb.Fatalf("the plain server does not answer: %v\n%s", err, server.Output())
	}
	l, r := new(ledger), new(result)
	start(beginAll(t, c, l), t, c, l, &r.tally)()
	r.fates = l.count()
	return r
}
