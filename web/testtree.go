package web

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// folderRow sums up the tests of a folder or a file.
type folderRow struct {
	Name   string         `json:"name"` // the last part of the path
	Path   string         `json:"path"`
	File   bool           `json:"file"`
	Tests  int            `json:"tests"`
	Wall   monitor.Number `json:"total_time"` // sum in seconds
	CPU    monitor.Number `json:"cpu_time"`   // sum in seconds
	Mem    monitor.Number `json:"mem_usage"`  // of the hungriest test, MiB; NaN when unknown
	Ratio  monitor.Number `json:"ratio"`      // of the wall time to that of the same tests in earlier runs; NaN when unknown
	Status string         `json:"status"`     // of the test that needs attention most
	Counts map[string]int `json:"counts"`     // of tests, by status

	before, now float64 // of the tests with a wall time before
}

// Seconds and Usual are the wall times of a bar.
func (f *folderRow) Seconds() float64 { return float64(f.Wall) }

// Usual is documented at Seconds.
func (f *folderRow) Usual() float64 { return float64(f.Wall / f.Ratio) }

// MostFolder is the greatest wall time of a folder on the page.
func (d *testListPage) MostFolder() (most float64) {
	for _, f := range d.Folders {
		most = max(most, float64(f.Wall))
	}
	return most
}

// below returns a function that says whether a test is in a folder or file, on a class of machine.
func below(path, env string) func(t *test) bool {
	known := map[string]bool{} // by location: many tests have the same
	return func(t *test) bool {
		in, ok := known[t.Location]
		if !ok {
			_, in = rest(slashed(t.Location), path)
			known[t.Location] = in
		}
		return in && (env == "" || env == t.Env)
	}
}

// rest returns what follows a folder in the path of a file; "" for the file itself.
func rest(file, folder string) (after string, in bool) {
	switch {
	case folder == "":
		return strings.TrimLeft(file, "/"), true
	case file == folder:
		return "", true
	}
	return strings.CutPrefix(file, folder+"/")
}

// treeOf returns the folders and files directly below a path, and the tests whose file is the path itself.
func treeOf(s *snapshot, path, env string) (folders []*folderRow, own []*test) {
	rows := map[string]*folderRow{}
	at := map[string]*folderRow{} // by location
	for i := range s.tests {
		t := &s.tests[i]
		if env != "" && t.Env != env {
			continue
		}
		f, known := at[t.Location]
		if !known {
			f = folderAt(rows, slashed(t.Location), path)
			at[t.Location] = f
		}
		if f == nil {
			if after, in := rest(slashed(t.Location), path); in && after == "" {
				own = append(own, t)
			}
			continue
		}
		f.add(t)
	}
	for _, f := range rows {
		if f.now > 0 && f.before > 0 {
			f.Ratio = monitor.Number(f.now / f.before)
		}
		folders = append(folders, f)
	}
	return folders, own
}

// folderAt returns the row that a file belongs to; nil for the path itself and for files elsewhere.
func folderAt(rows map[string]*folderRow, file, path string) *folderRow {
	after, in := rest(file, path)
	if !in || after == "" {
		return nil
	}
	name, _, deeper := strings.Cut(after, "/")
	f := rows[name]
	if f == nil {
		whole := name
		if path != "" {
			whole = path + "/" + name
		}
		f = &folderRow{Name: name, Path: whole, File: true, Mem: monitor.Number(math.NaN()), Ratio: monitor.Number(math.NaN()),
			Counts: map[string]int{}}
		rows[name] = f
	}
	f.File = f.File && !deeper
	return f
}

// attention orders the statuses of tests; the first one matters most.
var attention = []string{"failed", "regression", "suspect", "drift", "flaky", "improvement", "accepted", "resolved", "new", "ok"}

// compareAttention sorts what matters more first. A status that is not in the list matters least.
func compareAttention(a, b string) int {
	rank := func(status string) int {
		if at := slices.Index(attention, status); at >= 0 {
			return at
		}
		return len(attention)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// ToLookAt lists the statuses of tests that are no matter of course, in the order in which they matter.
func (f *folderRow) ToLookAt() []string {
	all := slices.SortedFunc(maps.Keys(f.Counts), compareAttention)
	return slices.DeleteFunc(all, func(status string) bool { return status == "ok" || status == "new" })
}

func (f *folderRow) add(t *test) {
	f.Tests++
	f.Counts[t.Status]++
	if f.Tests == 1 || compareAttention(t.Status, f.Status) < 0 {
		f.Status = t.Status
	}
	if !math.IsNaN(t.CPUTime) {
		f.CPU += monitor.Number(t.CPUTime)
	}
	if mem := monitor.Number(t.MemUsage); math.IsNaN(float64(f.Mem)) || mem > f.Mem {
		f.Mem = mem
	}
	if math.IsNaN(t.TotalTime) {
		return
	}
	f.Wall += monitor.Number(t.TotalTime)
	if !math.IsNaN(t.Before) {
		f.now, f.before = f.now+t.TotalTime, f.before+t.Before
	}
}

// sortFolders sorts as [snapshot.pick] does: what is unknown comes last.
func sortFolders(rows []*folderRow, by string, descending bool) {
	value := map[string]func(f *folderRow) monitor.Number{
		"wall":  func(f *folderRow) monitor.Number { return f.Wall },
		"cpu":   func(f *folderRow) monitor.Number { return f.CPU },
		"mem":   func(f *folderRow) monitor.Number { return f.Mem },
		"ratio": func(f *folderRow) monitor.Number { return f.Ratio },
	}[by]
	slices.SortFunc(rows, func(a, b *folderRow) int {
		order := strings.Compare(a.Name, b.Name)
		if value == nil {
			if descending {
				return -order
			}
			return order
		}
		x, y := float64(value(a)), float64(value(b))
		if math.IsNaN(x) != math.IsNaN(y) {
			return map[bool]int{true: 1, false: -1}[math.IsNaN(x)]
		}
		if descending {
			x, y = y, x
		}
		return cmp.Or(cmp.Compare(x, y), order)
	})
}

type crumb struct{ Name, Path string }

// Parents lists the folders above the path.
func (d *testListPage) Parents() (all []crumb) {
	parts := strings.Split(d.Path, "/")
	for i := range parts[:len(parts)-1] {
		all = append(all, crumb{parts[i], strings.Join(parts[:i+1], "/")})
	}
	return all
}

// Last is the last part of the path.
func (d *testListPage) Last() string { return d.Path[strings.LastIndex(d.Path, "/")+1:] }

// Shown is the number of folders or tests on the page.
func (d *testListPage) Shown() int { return len(d.Folders) + len(d.Tests) }

func folderTable(rows []*folderRow) *table {
	t := &table{Header: []string{"path", "file", "tests", "status", "total_time", "cpu_time", "mem_usage", "ratio"}}
	for _, f := range rows {
		t.Rows = append(t.Rows, []string{f.Path, strconv.FormatBool(f.File), strconv.Itoa(f.Tests), f.Status, numberText(f.Wall),
			numberText(f.CPU), numberText(f.Mem), numberText(f.Ratio)})
	}
	return t
}
