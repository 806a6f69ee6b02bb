package web

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// sortValues are the numbers that the tests of a run are sorted by. Without one they are sorted by name.
var sortValues = map[string]func(t *test) float64{
	"wall":  func(t *test) float64 { return t.TotalTime },
	"cpu":   func(t *test) float64 { return t.CPUTime },
	"mem":   func(t *test) float64 { return t.MemUsage },
	"ratio": func(t *test) float64 { return float64(t.Ratio()) },
}

// order returns the positions of the tests, the least first. NaN is less than every number.
func (s *snapshot) order(by string) []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if order := s.orders[by]; order != nil {
		return order
	}
	order := make([]int32, len(s.tests))
	for i := range order {
		order[i] = int32(i)
	}
	if value := sortValues[by]; value != nil {
		slices.SortStableFunc(order, func(i, j int32) int { return cmp.Compare(value(&s.tests[i]), value(&s.tests[j])) })
	} else {
		slices.SortStableFunc(order, func(i, j int32) int { return strings.Compare(s.tests[i].find, s.tests[j].find) })
	}
	s.orders[by] = order
	return order
}

// selection chooses tests of a snapshot.
type selection struct {
	words      []string           // all have to be in the name or the file
	status     string             // empty for all
	only       func(t *test) bool // nil for all
	by         string             // a key of sortValues, or name
	descending bool
	offset, n  int
}

func words(text string) []string { return strings.Fields(strings.ToLower(text)) }

// pick returns a page of the chosen tests, and how many are chosen. Tests without a value come last in either direction.
func (s *snapshot) pick(q selection) (page []*test, found int) {
	if q.status != "" && s.counts[q.status] == 0 {
		return nil, 0 // usually no test has failed, and sorting and searching take long
	}
	order := s.order(q.by)
	known := order
	var unknown []int32
	if value := sortValues[q.by]; value != nil {
		first, _ := slices.BinarySearchFunc(order, false, func(i int32, _ bool) int {
			if math.IsNaN(value(&s.tests[i])) {
				return -1
			}
			return 0
		})
		unknown, known = order[:first], order[first:]
	}
	has := s.search(q.words)
	take := func(i int32) {
		t := &s.tests[i]
		if q.status != "" && q.status != t.Status || q.only != nil && !q.only(t) {
			return
		}
		if has != nil && !has[i] {
			return
		}
		if found++; found > q.offset && len(page) < q.n {
			page = append(page, t)
		}
	}
	for n := range known {
		if q.descending {
			take(known[len(known)-1-n])
		} else {
			take(known[n])
		}
	}
	for _, i := range unknown {
		take(i)
	}
	return page, found
}

// paginate returns a page of a list: n elements from an offset on, or as many as there are.
func paginate[T any](all []T, offset, n int) []T {
	from := min(offset, len(all))
	return all[from:min(from+n, len(all))]
}

// search returns which tests have all words in the name or the file; nil for no words. It goes through the tests as they lie in
// memory, since in another order most of the time is waiting for memory.
func (s *snapshot) search(words []string) (has []bool) {
	if len(words) == 0 {
		return nil
	}
	has = make([]bool, len(s.tests))
	for i := range s.tests {
		has[i] = s.tests[i].has(words)
	}
	return has
}

// has says whether all words are in the name or the file of a test.
func (t *test) has(words []string) bool {
	text := t.find
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

const maxFolders, maxDepth = 7, 9

// foldersOf returns the folders with the most wall time. Where all tests are in one folder, its files are told apart.
func foldersOf(tests []test) []folder {
	for depth := 2; ; depth++ {
		sums, of := map[string]*folder{}, map[string]*folder{} // by name, and by location
		deeper := false
		for i := range tests {
			t := &tests[i]
			if math.IsNaN(t.TotalTime) {
				continue
			}
			f := of[t.Location]
			if f == nil {
				parts := strings.Split(path.Clean(strings.ReplaceAll(t.Location, `\`, "/")), "/")
				name := strings.Join(parts[:min(depth, len(parts))], "/")
				deeper = deeper || len(parts) > depth
				if f = sums[name]; f == nil {
					f = &folder{Name: name}
					sums[name] = f
				}
				of[t.Location] = f
			}
			f.Now += t.TotalTime
			f.Tests++
			if before := t.Before; !math.IsNaN(before) {
				f.Before += before
			} else {
				f.Before += t.TotalTime
			}
		}
		if len(sums) < 2 && deeper && depth < maxDepth {
			continue
		}
		all := make([]folder, 0, len(sums))
		for _, f := range sums {
			all = append(all, *f)
		}
		slices.SortFunc(all, func(a, b folder) int { return cmp.Or(cmp.Compare(b.Now, a.Now), strings.Compare(a.Name, b.Name)) })
		return all[:min(maxFolders, len(all))]
	}
}

// bin counts tests whose ratios are alike.
type bin struct {
	Count int
	Worst monitor.Status // empty for none
}

// The histogram goes from a third to three times the earlier wall time.
const (
	bins     = 81
	binRange = 1.6 // powers of two on either side
)

// binsOf counts the tests by their ratios; nil without any ratio.
func binsOf(tests []test) []bin {
	var all []bin
	for i := range tests {
		ratio := float64(tests[i].Ratio())
		if math.IsNaN(ratio) || ratio <= 0 || math.IsInf(ratio, 0) {
			continue
		}
		if all == nil {
			all = make([]bin, bins)
		}
		at := int(math.Round((math.Log2(ratio)/binRange + 1) / 2 * (bins - 1)))
		b := &all[min(bins-1, max(0, at))]
		b.Count++
		if status := tests[i].Changes[monitor.MetricTotalTime]; status != "" &&
			(b.Worst == "" || status.Severity() < b.Worst.Severity()) {
			b.Worst = status
		}
	}
	return all
}
