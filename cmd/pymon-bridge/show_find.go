package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
	"pymon-bridge/report"
)

// wantedTest is a test as a person names it.
type wantedTest struct {
	scope   []string // what stands before the name: the file, and classes of Python
	variant string   // the name with its parameters, or a part of it
	nth     int      // which one of several with this name; 0 is the first
}

// nth is the end of a name in a report where several tests have the name.
var nth = regexp.MustCompile(`^(.*\S) \(([2-9]|[1-9]\d{1,3})\)$`)

// namedBy reads a node id, or a part of a name. Parameters may have everything in them.
func namedBy(text string) (w wantedTest) {
	text = strings.TrimSpace(text)
	if found := nth.FindStringSubmatch(text); found != nil {
		n, _ := strconv.Atoi(found[2]) // these are digits
		text, w.nth = found[1], n-1
	}
	at := strings.IndexByte(text, '[')
	if at < 0 {
		at = len(text)
	}
	parts := strings.Split(text[:at], "::")
	last := len(parts) - 1
	w.scope, w.variant = parts[:last], parts[last]+text[at:]
	return w
}

// alike removes what the plugins write in different ways: a node id has "-" where the name that is kept has ", ".
var alike = strings.NewReplacer("-", "", ",", "", " ", "")

// needle returns a part of the name that is in it in whatever way it is written.
func (w wantedTest) needle() (longest string) {
	for _, part := range strings.FieldsFunc(w.variant, func(r rune) bool { return strings.ContainsRune("-, ", r) }) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// maxMatches is how many tests are told apart before the search ends.
const maxMatches = 100

// errEnough ends a search.
var errEnough = errors.New("enough")

// found is a test with its measurements in the order of time.
type found struct {
	name    string // for people
	nodeID  string // where it is known
	metrics []*monitor.Metric
	all     []*monitor.Metric // of all tests with the same module, name and parameters
	note    string            // what there is to say of the choice
}

// test returns the test that a text names. It fails where several are meant. runs finds the run of a session.
func (s *source) test(ctx context.Context, text string, runs map[string]*report.RunLine) (*found, error) {
	wanted := namedBy(text)
	tests, err := s.exactly(ctx, wanted)
	if err == nil && len(tests) == 0 {
		tests, err = s.like(ctx, wanted)
	}
	many := errors.Is(err, errEnough)
	if err != nil && !many {
		return nil, err
	}
	if !many {
		if tests, err = s.scoped(ctx, wanted, tests, runs); err != nil {
			return nil, err
		}
	}
	switch {
	case len(tests) == 0:
		return nil, fmt.Errorf("no test that was measured has %q in its name (without file and class): pymon-bridge top -n 100 lists tests", text)
	case len(tests) == 1 && !many:
		return tests[0], nil
	}
	return nil, several(tests, text)
}

// several is the error that more than one test is meant.
func several(tests []*found, text string) error {
	names := make([]string, len(tests))
	for i, one := range tests {
		names[i] = "  " + one.name
	}
	slices.Sort(names)
	shown := names[:min(len(names), 20)]
	if more := len(names) - len(shown); more > 0 {
		shown = append(slices.Clone(shown), fmt.Sprintf("  and %d more", more))
	}
	number := fmt.Sprint(len(names))
	if len(names) > maxMatches {
		number = fmt.Sprintf("more than %d", maxMatches)
	}
	return fmt.Errorf("%s tests have %q in their names: expected more of its name, to choose one of\n%s", number, text, strings.Join(shown, "\n"))
}

// exactly returns the tests with the whole name.
func (s *source) exactly(ctx context.Context, w wantedTest) ([]*found, error) {
	tests, err := s.gathered(ctx, "", "variants", w.variant, "metrics")
	if kept := strings.ReplaceAll(w.variant, "-", ", "); err == nil && len(tests) == 0 && kept != w.variant {
		return s.gathered(ctx, "", "variants", kept, "metrics")
	}
	return tests, err
}

// like returns the tests with a part of the name.
func (s *source) like(ctx context.Context, w wantedTest) ([]*found, error) {
	needle := w.needle()
	if needle == "" {
		return nil, nil
	}
	return s.gathered(ctx, alike.Replace(w.variant), "variants", "like", needle, "metrics")
}

// gathered returns the tests of a list that have a part in their name, written [alike]. It fails with errEnough, and has some of them,
// where there are too many to tell them apart.
func (s *source) gathered(ctx context.Context, part string, path ...string) (tests []*found, err error) {
	type key struct{ path, variant string }
	byKey := map[key]*found{}
	err = s.lines(ctx, func(line []byte) error {
		m, _, err := wire.DecodeMetric(line)
		if err != nil || m.Kind != monitor.KindFunction || !strings.Contains(alike.Replace(m.ItemVariant), part) {
			return err
		}
		test := byKey[key{m.ItemPath, m.ItemVariant}]
		if test == nil {
			test = &found{name: report.TestName(m)}
			byKey[key{m.ItemPath, m.ItemVariant}] = test
			tests = append(tests, test)
		}
		test.metrics = append(test.metrics, m)
		test.all = test.metrics
		if len(tests) > maxMatches {
			return errEnough
		}
		return nil
	}, path...)
	return tests, err
}
