package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// A metric does not say of which class of Python a test is. The node id does, which this project's own plugin sends.

// scoped leaves the tests in the file and in the classes that a person named. It tells tests apart that have their module, name and
// parameters in common. runs finds the run of a session.
func (s *source) scoped(ctx context.Context, w wantedTest, tests []*found, runs map[string]*report.RunLine) (kept []*found, err error) {
	inFile := tests
	if len(w.scope) > 0 {
		inFile = slices.DeleteFunc(slices.Clone(tests), func(t *found) bool { return !w.inFile(t) })
	}
	byClass := len(w.scope) > 1
	if len(inFile) == 0 { // then it is a class
		inFile, byClass = tests, true
	}
	nodes := map[string]map[startOf]string{}
	for _, test := range inFile {
		if !byClass && !test.repeated(runs) {
			kept = append(kept, test.nth(w)...)
			continue
		}
		item := test.metrics[0].Item
		if nodes[item] == nil {
			if nodes[item], err = s.nodeIDs(ctx, item); err != nil {
				return nil, err
			}
		}
		if apart := test.byNode(nodes[item]); apart != nil {
			kept = append(kept, slices.DeleteFunc(apart, func(t *found) bool { return !w.inClass(t) })...)
		} else if w.inFile(test) {
			kept = append(kept, test.nth(w)...)
		}
	}
	return kept, nil
}

// inFile says whether the file of a test has the name that was given.
func (w wantedTest) inFile(t *found) bool {
	return len(w.scope) == 0 || strings.Contains(t.metrics[0].ItemFSLoc, w.scope[0])
}

// inClass says whether the node id of a test has the file and the classes that were given.
func (w wantedTest) inClass(t *found) bool {
	above, _, _ := strings.Cut(t.nodeID, "[")
	above = above[:max(0, strings.LastIndex(above, "::"))]
	return strings.Contains(above, strings.Join(w.scope, "::"))
}

// startOf is a measurement of tests with one name.
type startOf struct{ session, start string }

// nodeIDs returns the node ids of the measurements of a function, as far as they are known.
func (s *source) nodeIDs(ctx context.Context, item string) (map[startOf]string, error) {
	of := map[startOf]string{}
	err := s.lines(ctx, func(line []byte) error {
		o, err := wire.DecodeOutcome(line)
		if err == nil {
			of[startOf{o.SessionH, o.ItemStartTime}] = o.NodeID
		}
		return err
	}, "items", item, "outcomes")
	return of, err
}

// repeated says whether a run measured the test more than once.
func (t *found) repeated(runs map[string]*report.RunLine) bool {
	seen := map[string]bool{}
	for _, m := range t.metrics {
		run := m.SessionH
		if of := runs[run]; of != nil {
			run = of.Run
		}
		if seen[run] {
			return true
		}
		seen[run] = true
	}
	return false
}

// byNode returns the tests that the node ids tell apart. It returns nil where the last measurement has none. Measurements without
// one are then left out: another plugin made them, and they do not compare.
func (t *found) byNode(nodes map[startOf]string) (tests []*found) {
	last := t.metrics[len(t.metrics)-1]
	if nodes[startOf{last.SessionH, last.ItemStartTime}] == "" {
		return nil
	}
	of := map[string]*found{}
	for _, m := range t.metrics {
		id := nodes[startOf{m.SessionH, m.ItemStartTime}]
		if id == "" {
			continue
		}
		if of[id] == nil {
			of[id] = &found{name: report.Printable(id), nodeID: id, all: t.all}
			tests = append(tests, of[id])
		}
		of[id].metrics = append(of[id].metrics, m)
	}
	return tests
}

// nth returns the test whose node ids are not known, with the measurements that are of the same rank in each session. It returns
// none where there is no such rank.
func (t *found) nth(w wantedTest) []*found {
	one, in, most := &found{name: t.name, all: t.all}, map[string]int{}, 0
	metrics := slices.Clone(t.metrics)
	slices.SortStableFunc(metrics, func(a, b *monitor.Metric) int { return strings.Compare(a.ItemStartTime, b.ItemStartTime) })
	for _, m := range metrics {
		if in[m.SessionH] == w.nth {
			one.metrics = append(one.metrics, m)
		}
		in[m.SessionH]++
		most = max(most, in[m.SessionH])
	}
	if len(one.metrics) == 0 {
		return nil
	}
	if w.nth > 0 {
		one.name += fmt.Sprintf(" (%d)", w.nth+1)
	}
	if len(w.scope) > 1 {
		one.note = fmt.Sprintf("the class %s is not known: pytest-monitor does not tell it, pymon-bridge's own plugin does",
			report.Printable(strings.Join(w.scope[1:], "::")))
	}
	if most > 1 {
		one.note = strings.TrimPrefix(one.note+"; ", "; ") + fmt.Sprintf("%d tests of a run have this name, in the order of their starts; "+
			"this is number %d, and '%s (2)' is the second", most, w.nth+1, t.name)
	}
	return []*found{one}
}
