package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"pymon-bridge/test/harness"
)

// config says how much there is.
type config struct {
	seed      uint64
	days      int
	tests     int
	naiveDays int // of the other schema
}

func main() {
	os.Exit(start(os.Args[1:], os.Stdout))
}

// start measures and prints. Arguments after the flags are flags of the bridge. It returns 1 if something failed, and 2 for wrong flags.
func start(args []string, out io.Writer) (exitCode int) {
	var c config
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.Uint64Var(&c.seed, "seed", 1, "the same seed gives the same data")
	flags.IntVar(&c.days, "days", 365, "simulated days")
	flags.IntVar(&c.tests, "tests", usualSize, "tests of the suite")
	flags.IntVar(&c.naiveDays, "naive-days", 60, "days that the other schema gets, which InfluxDB bears no year of; 0 leaves it out")
	program := flags.String("program", "", "bridge to measure; empty builds this one")
	if flags.Parse(args) != nil {
		return 2
	}
	if c.days < 7 || c.naiveDays != 0 && c.naiveDays < 7 || c.tests < 2*workers {
		fmt.Fprintf(os.Stderr, "expected at least 7 days and %d tests\n", 2*workers)
		return 2
	}
	h := harness.NewHost("pymon-bridge-scale-")
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	defer context.AfterFunc(interrupted, h.Interrupted)()
	defer h.End()
	return h.Try(func() {
		if *program == "" {
			*program = h.Build()
		}
		m := measureOurs(h, harness.BridgeConfig{Program: *program, Args: flags.Args()}, c)
		m.print(out, c)
		if c.naiveDays > 0 {
			n := measureNaive(h, c)
			n.printNaive(out, m)
		}
	})
}
