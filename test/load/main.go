package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
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

// run measures the bridge, and then compares it with the plain server. It returns the exit code, which is 1 too if the bridge lost, doubled
// or refused a row, or grew.
func run(args []string, out io.Writer) int {
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
	peer := flags.String("peer", filepath.Join(".cache", "py", "flask"), "Python `environment` of the plain server; empty leaves it out")
	peerFor := flags.Duration("peer-for", 15*time.Second, "how long the bridge and the plain server have each rate of their comparison")
	return harness.Command(flags, args, func() string {
		if c.rate <= 0 || c.duration < time.Second || min(c.pytests, c.bursts, c.plugins, c.large) < 1 || min(c.tests, c.largeTests) < 1 {
			return "expected a rate above 0, at least a second, and at least one client and test of each kind"
		}
		return ""
	}, func(tb testing.TB, with harness.BridgeConfig) {
		fmt.Fprintf(out, "%d processors, %s; the clients, InfluxDB and the server share them\n", runtime.NumCPU(), runtime.Version())
		influx := harness.StartInflux(tb)
		r := measureBridge(tb, influx, with, c)
		r.print(out, fmt.Sprintf("The bridge, %.0f rows a second for %v", c.rate, c.duration))
		if err := r.err(); err != nil {
			tb.Errorf("%v", err)
		}
		if *peer != "" {
			c.duration = *peerFor
			compare(tb, out, influx, with, *peer, c)
		}
	})
}
