package bench_test

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"pymon-bridge/test/harness"
)

// report gathers the sections of the table.
type report struct {
	sections []*section
	before   string // load average at the start
}

func newReport() *report { return &report{before: loadAverage()} }

// loadAverage returns the load average of the last minute. After the start it is mostly the benchmark's own load.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	minute, _, _ := strings.Cut(string(text), " ")
	return minute
}

// section is a part of the table with its own columns.
type section struct {
	title string
	rows  [][]string
	notes []string
}

// add begins a section with the names of its columns.
func (r *report) add(title string, columns ...string) *section {
	s := &section{title: title, rows: [][]string{columns}}
	r.sections = append(r.sections, s)
	return s
}

func (s *section) row(cells ...string) { s.rows = append(s.rows, cells) }

func (s *section) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// print writes the table to standard output.
func (r *report) print() {
	fmt.Printf("\n%d cores, %s, %s/%s; load average at the start: %s, at the end: %s\n", runtime.NumCPU(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, r.before, loadAverage())
	for _, s := range r.sections {
		fmt.Printf("\n## %s\n\n", s.title)
		harness.PrintTable(os.Stdout, s.rows)
		for _, note := range s.notes {
			fmt.Println("\n" + note)
		}
	}
	fmt.Println()
}

// verdict returns the word for a goal that is met or not.
func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

// median returns the middle value; for an even number of values, the lower of the two in the middle.
func median[T cmp.Ordered](values []T) T {
	return sorted(values)[(len(values)-1)/2]
}

// sorted returns the values in ascending order.
func sorted[T cmp.Ordered](values []T) []T { return slices.Sorted(slices.Values(values)) }

// percentile returns the p-th percentile of values in ascending order.
func percentile[T any](ascending []T, p int) T {
	return ascending[max(0, (len(ascending)*p+99)/100-1)]
}
