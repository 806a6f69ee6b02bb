package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// test is one test of the suite, with what it usually takes on a machine of speed 1.
type test struct {
	component, path, item, variant, file string

	seconds float64
	cpu     float64 // part of the seconds that is CPU time
	memory  float64 // MiB
	skipped bool    // it is skipped in every run

	slow      float64 // factor while somebody has made it slower, else 1
	slowUntil int     // the day from which it is as before
}

var components = []string{"account", "cart", "catalog", "checkout", "search"}

const testsOfModule = 10

// suite has the tests as they are on one day. As many come as go.
type suite struct {
	random *rand.Rand
	tests  []*test
	next   int // number of the next new test
}

func newSuite(random *rand.Rand, size int) *suite {
	s := &suite{random: random}
	for range size {
		s.tests = append(s.tests, s.add())
	}
	return s
}

// add returns a new test. Every third one has parameters.
func (s *suite) add() *test {
	n := s.next
	s.next++
	module := n / testsOfModule
	component := components[module%len(components)]
	t := &test{component: component, path: fmt.Sprintf("tests.%s.test_part_%d", component, module), item: fmt.Sprintf("test_case_%d", n),
		file: fmt.Sprintf("tests/%s/test_part_%d.py", component, module), slow: 1,
		seconds: math.Exp(s.random.NormFloat64()*1.3 - 2.5), cpu: 0.1 + 0.85*s.random.Float64(), memory: 1 + 20*s.random.ExpFloat64(),
		skipped: s.random.IntN(50) == 0}
	t.variant = t.item
	if n%3 == 0 {
		t.variant = fmt.Sprintf("%s[EUR, %d]", t.item, n%7)
	}
	return t
}

// What happens to a suite of 500 tests in a week: six tests are deleted and as many written, and two are renamed. Larger
// suites change in proportion.
const (
	replacedInWeek = 6
	renamedInWeek  = 2
	usualSize      = 500
)

// week changes the suite at the end of a week.
func (s *suite) week() {
	times := func(usual int) int { return max(1, usual*len(s.tests)/usualSize) }
	for range times(replacedInWeek) {
		s.tests[s.random.IntN(len(s.tests))] = s.add()
	}
	for range times(renamedInWeek) {
		i := s.random.IntN(len(s.tests))
		renamed := s.add()
		renamed.seconds, renamed.cpu, renamed.memory = s.tests[i].seconds, s.tests[i].cpu, s.tests[i].memory
		s.tests[i] = renamed
	}
}

// day makes a test slower in one of ten days, for ten days, and ends what was so long ago.
func (s *suite) day(n int) {
	for _, t := range s.tests {
		if t.slow != 1 && n >= t.slowUntil {
			t.slow = 1
		}
	}
	if s.random.IntN(10) == 0 {
		t := s.tests[s.random.IntN(len(s.tests))]
		t.slow, t.slowUntil = 1.8, n+10
	}
}
