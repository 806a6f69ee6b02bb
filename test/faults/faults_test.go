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

// fault is one thing that goes wrong, again and again.
type fault struct {
	name        string
	root        bool // it needs root
	short, long int  // rounds
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
			if f.root && os.Geteuid() != 0 {
				mu.Lock()
				defer mu.Unlock()
				rows[i] = "-\t-\t-\t-\t-\t-\t-\t  " + f.name + ": not run, needs root\t"
				t.Skip("needs root, to mount a file system")
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
