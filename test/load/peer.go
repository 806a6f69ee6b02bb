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

const (
	peerWorkers = "4"              // as monitor-server-api's own script starts
	trialTime   = 15 * time.Second // of one rate
	bearable    = time.Second      // p99 of posts with which a rate counts as held
)

// measurePeer finds the highest rate that the plain server holds, and prints what clients get at the full rate and at this one.
func measurePeer(tb testing.TB, out io.Writer, python string, c config, duration time.Duration) {
	tb.Helper()
	trial := func(rate float64, duration time.Duration) *result {
		with := c
		with.rate, with.duration = rate, duration
		return loadPeer(tb, python, with)
	}
	full := trial(c.rate, trialTime)
	full.print(out, fmt.Sprintf("The plain server, %.0f rows a second for %v", c.rate, trialTime))
	best := c.rate
	if !full.holds() {
		best = highest(c.rate/2, func(rate float64) bool {
			held := trial(rate, trialTime).holds()
			fmt.Fprintf(out, "%.0f rows a second: %s\n", rate, map[bool]string{true: "held", false: "failed"}[held])
			return held
		})
	}
	if best == 0 {
		fmt.Fprintln(out, "The plain server holds no rate.")
		return
	}
	trial(best, duration).print(out, fmt.Sprintf("The plain server, %.0f rows a second for %v, the highest rate that it holds", best, duration))
}

// holds says whether all posts were answered with 201, and nearly all of them soon.
func (r *result) holds() bool {
	r.tally.sort()
	for _, kind := range []string{kindMonitor, kindBurst, kindPlugin, kindLarge, kindEdges} {
		if l := r.tally.kinds[kind]; l != nil && (l.refused+l.unanswered+l.late > 0 || l.percentile(0.99) > bearable) {
			return false
		}
	}
	return true
}

// highest returns the highest rate that holds, up to a tenth: it halves the rate until one holds, and then looks between this one
// and the last that failed. It is 0 if none holds.
func highest(rate float64, holds func(rate float64) bool) float64 {
	failed := 2 * rate
	for ; !holds(rate); rate /= 2 {
		if failed = rate; rate < 2 {
			return 0
		}
	}
	for failed > 1.1*rate {
		if between := (rate + failed) / 2; holds(between) {
			rate = between
		} else {
			failed = between
		}
	}
	return rate
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
