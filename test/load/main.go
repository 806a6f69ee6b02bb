package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"pymon-bridge/test/harness"
)

// config says how much load there is, and of which kinds.
type config struct {
	rate       float64       // rows a second, of all clients together
	duration   time.Duration // how long rows are due
	pytests    int           // processes with pytest-monitor
	bursts     int           // runs of pytest -n 16 with pytest-monitor
	plugins    int           // processes with this project's plugin
	large      int           // those of large suites
	tests      int           // of a session
	largeTests int           // of a session of a large suite
	readers    int
	patience   time.Duration // how long clients that are late go on after the end
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout))
}

// run measures the bridge, and then compares it with the plain server. Arguments after the flags are flags of the bridge. It returns 1 if
// the bridge lost, doubled or refused a row, or grew, or something failed, and 2 for wrong flags.
func run(args []string, out io.Writer) (exitCode int) {
	c := config{patience: 10 * time.Second}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.Float64Var(&c.rate, "rate", 3000, "rows a `second`, of all clients together")
	flags.DurationVar(&c.duration, "for", 10*time.Minute, "how long clients send")
	flags.IntVar(&c.pytests, "pytests", 200, "processes with pytest-monitor: two fifths of the rows")
	flags.IntVar(&c.bursts, "bursts", 10, "runs of pytest -n 16 with pytest-monitor: a fifth of the rows")
	flags.IntVar(&c.plugins, "plugins", 20, "processes with the bridge's own plugin: a fifth of the rows")
	flags.IntVar(&c.large, "large", 2, "processes with this plugin and a large suite: a fifth of the rows")
	flags.IntVar(&c.tests, "tests", 1000, "tests of a session")
	flags.IntVar(&c.largeTests, "large-tests", 50_000, "tests of a session of a large suite")
	flags.IntVar(&c.readers, "readers", 8, "clients that ask for pages, lists, reports and runs, once a second each")
	program := flags.String("program", "", "bridge to measure; empty builds this one")
	peer := flags.String("peer", filepath.Join(".cache", "py", "flask"), "Python `environment` of the plain server; empty leaves it out")
	peerFor := flags.Duration("peer-for", 15*time.Second, "how long the bridge and the plain server have each rate of their comparison")
	if flags.Parse(args) != nil {
		return 2
	}
	if c.rate <= 0 || c.duration < time.Second || min(c.pytests, c.bursts, c.plugins, c.large) < 1 || min(c.tests, c.largeTests) < 1 {
		fmt.Fprintln(os.Stderr, "expected a rate above 0, at least a second, and at least one client and test of each kind")
		return 2
	}
	h := harness.NewHost("pymon-bridge-load-")
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(interrupted, h.Interrupted)()
	defer h.End()
	return h.Try(func() {
		if *program == "" {
			*program = h.Build()
		}
		fmt.Fprintf(out, "%d processors, %s; the clients, InfluxDB and the server share them\n", runtime.NumCPU(), runtime.Version())
		influx, with := harness.StartInflux(h), harness.BridgeConfig{Program: *program, Args: flags.Args()}
		r := measureBridge(h, influx, with, c)
		r.print(out, fmt.Sprintf("The bridge, %.0f rows a second for %v", c.rate, c.duration))
		if err := r.err(); err != nil {
			h.Errorf("%v", err)
		}
		if *peer != "" {
			c.duration = *peerFor
			compare(h, out, influx, with, *peer, c)
		}
	})
}
