package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"testing"

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

// start measures and prints. It returns the exit code.
func start(args []string, out io.Writer) int {
	var c config
	flags := flag.NewFlagSet("scale", flag.ContinueOnError)
	flags.Uint64Var(&c.seed, "seed", 1, "the same seed gives the same data")
	flags.IntVar(&c.days, "days", 365, "simulated days")
	flags.IntVar(&c.tests, "tests", usualSize, "tests of the suite")
	flags.IntVar(&c.naiveDays, "naive-days", 60, "days that the other schema gets, which InfluxDB bears no year of; 0 leaves it out")
	return harness.Command(flags, args, func() string {
		if c.days < 7 || c.naiveDays != 0 && c.naiveDays < 7 || c.tests < 2*workers {
			return fmt.Sprintf("expected at least 7 days and %d tests", 2*workers)
		}
		return ""
	}, func(tb testing.TB, with harness.BridgeConfig) {
		m := measureOurs(tb, with, c)
		m.print(out, c)
		if c.naiveDays > 0 {
			measureNaive(tb, c).printNaive(out, m)
		}
	})
}
