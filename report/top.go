package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// TopTest is a test with an amount of what it uses.
type TopTest struct {
	Name string `json:"-"` // for people
	// NodeID is empty where it is not known.
	NodeID      string  `json:"node_id,omitempty"`
	ItemPath    string  `json:"item_path"`
	Item        string  `json:"item"`
	ItemVariant string  `json:"item_variant"`
	Amount      float64 `json:"amount"` // seconds or MiB
}

// Top is the tests of a run that use the most of something.
type Top struct {
	Metric string    `json:"metric"` // name of a judged metric
	Run    string    `json:"run"`
	Tests  int       `json:"tests"` // of the run, with a measurement
	Total  float64   `json:"total"` // of all tests
	First  []TopTest `json:"first"`
}

// Add adds a test. Only the first most tests are kept.
func (t *Top) Add(test TopTest, most int) {
	amount := test.Amount
	t.Tests++
	t.Total += max(0, amount)
	if amount <= 0 || shownAsNothing(t.Metric, amount) {
		return
	}
	at, _ := slices.BinarySearchFunc(t.First, amount, func(one TopTest, amount float64) int {
		if one.Amount >= amount {
			return -1
		}
		return 1
	})
	if at < most {
		t.First = slices.Insert(t.First, at, test)
		t.First = t.First[:min(most, len(t.First))]
	}
}

// WriteTop writes a table of the tests. Fails with the error of w.
func WriteTop(w io.Writer, top *Top, r *RunLine, s Screen) error {
	m, _ := judgedMetric(top.Metric)
	t := newTable(s, strings.ToUpper(m.Title), "SHARE", "TEST")
	t.columns[0].number = true
	about := fmt.Sprintf("Run %s%s, %s: %s", show(top.Run, shortName), onBranch(r.Branch), r.Started.Local().Format("2006-01-02 15:04"),
		count(top.Tests, "test"))
	if m.Timed {
		about += ", " + seconds(top.Total)
	}
	if len(top.First) == 0 {
		_, err := fmt.Fprintln(w, t.wrapped(about+". No test has any "+m.Title+" to show.", 0))
		return err
	}
	t.WriteString(t.wrapped(about, 0) + "\n\n")
	for _, one := range top.First {
		share := ""
		if top.Total > 0 {
			share = fmt.Sprintf("%3.0f%% %s", 100*one.Amount/top.Total, strings.Repeat("█", int(10*one.Amount/top.Total+0.5)))
		}
		t.add(cell{text: amount(top.Metric, monitor.Number(one.Amount))}, cell{text: share}, cell{text: show(one.Name, longName)})
	}
	return t.write(w)
}
