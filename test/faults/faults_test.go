// Package faults_test breaks what is around the built program, again and again, and counts what became of the records.
package faults_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"pymon-bridge/test/harness"
)

// work is a folder for what all tests share.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "pymon-bridge-faults-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := harness.Main(m)
	_ = os.RemoveAll(work) // what stays in the temporary folder does no harm
	os.Exit(status)
}

// long says that each fault has as many rounds as `make faults` gives it.
var long = os.Getenv("FAULTS") == "long"

// What a system may lack.
const (
	root      = "needs root"
	smallDisk = "needs a file system in memory"
)

// fault is one thing that goes wrong, again and again.
type fault struct {
	name        string
	needs       string // what a system may lack; then the row is not run
	short, long int    // rounds
	run         func(t *testing.T, rounds int) tally
}

var faults = slices.Concat(powerFaults, killFaults, diskFaults, fileFaults, clockFaults, influxFaults)

// TestFaults prints a row for each fault.
func TestFaults(t *testing.T) {
	var mu sync.Mutex
	rows := make([]string, len(faults))
	t.Cleanup(func() {
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, strings.Join([]string{"rounds", "accepted", "delivered", "dead letters", "lost", "doubled", "longest", "  fault\t"}, "\t"))
		for _, row := range rows {
			if row != "" {
				fmt.Fprintln(table, row)
			}
		}
		_ = table.Flush() // to the output of the tests
	})
	for i, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Skipped() {
					mu.Lock()
					defer mu.Unlock()
					rows[i] = strings.Repeat("-\t", 7) + "  " + f.name + ": not run: " + f.needs + "\t"
				}
			}()
			if f.needs == root && os.Geteuid() != 0 {
				t.Skip(root)
			}
			rounds := f.short
			if long {
				rounds = f.long
			}
			r := f.run(t, rounds)
			if r.lost > 0 || r.doubled > 0 {
				t.Errorf("%d lost, %d doubled", r.lost, r.doubled)
			}
			mu.Lock()
			defer mu.Unlock()
			rows[i] = fmt.Sprintf("%d\t%d\t%d\t%d\t%d\t%d\t%s\t  %s\t", r.rounds, r.accepted, r.delivered, r.dead, r.lost, r.doubled,
				r.longest.Round(time.Millisecond), f.name)
		})
	}
}
