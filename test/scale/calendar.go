package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The days begin here, in the year before the ones in which clocks of today are.
var firstDay = time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)

// A team of ten merges four changes a working day, less than one change for two people, and pushes each of them three times.
// Each push runs the suite in four jobs, and each merge in one with four workers. Each night the suite runs with three Pythons on
// a machine of the team. Everybody runs a part of it once a day on a laptop that sends its results.
const (
	people      = 10
	changes     = 4 // of a working day, on average
	pushes      = 3 // of a change, on average
	shards      = 4
	workers     = 4
	nightlyHour = 2
)

var nightlyPythons = []string{"3.11.9", "3.12.4", "3.13.5"}

// team has the state of the simulation from one day to the next.
type team struct {
	random  *rand.Rand
	suite   *suite
	open    []*change
	changes int // so far
	builds  int // of CI, so far
	commits int // so far
	main    string
}

// change is a pull request.
type change struct {
	branch string
	left   int // pushes until it is merged
}

// run is what the processes of pytest have measured that belong together.
type run struct {
	start    time.Time
	branch   string
	id       string // tag of the run; empty where clients send none
	sessions []*session
}

func newTeam(seed uint64, tests int) *team {
	random := rand.New(rand.NewPCG(seed, 0))
	t := &team{random: random, suite: newSuite(random, tests)}
	t.main = t.commit()
	return t
}

func (t *team) commit() string {
	t.commits++
	sum := sha1.Sum(fmt.Appendf(nil, "commit %d", t.commits))
	return hex.EncodeToString(sum[:])
}

// day returns the runs of a day by their start. It has to be called for each day once, in order.
func (t *team) day(n int) []*run {
	day := firstDay.AddDate(0, 0, n)
	t.suite.day(n)
	runs := t.nightly(day)
	if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		if weekday == time.Sunday {
			t.suite.week()
		}
		return runs
	}
	for range 2 + t.random.IntN(2*changes-3) {
		t.changes++
		t.open = append(t.open, &change{fmt.Sprintf("feature/%d-%s", t.changes, components[t.random.IntN(len(components))]),
			1 + t.random.IntN(2*pushes-1)})
	}
	left := t.open[:0]
	for _, c := range t.open {
		for c.left > 0 {
			runs = append(runs, t.push(c, n, t.working(day)))
			if c.left--; t.random.IntN(2) == 0 {
				break // the next one comes another day
			}
		}
		if c.left > 0 {
			left = append(left, c)
			continue
		}
		runs = append(runs, t.merge(n, t.working(day).Add(4*time.Hour)))
	}
	t.open = left
	for person := range people {
		runs = append(runs, t.local(person, n, t.working(day)))
	}
	slices.SortStableFunc(runs, func(a, b *run) int { return a.start.Compare(b.start) })
	return runs
}

// working returns a time of the morning or the afternoon.
func (t *team) working(day time.Time) time.Time {
	return day.Add(7*time.Hour + time.Duration(t.random.Int64N(int64(9*time.Hour))))
}

// push runs the suite of a change: each job measures a part of it.
func (t *team) push(c *change, day int, at time.Time) *run {
	t.builds++
	r := &run{start: at, branch: c.branch, id: fmt.Sprintf("%d-1", 9_000_000+t.builds)}
	commit, tests := t.commit(), t.suite.tests
	for shard := range shards {
		part := tests[shard*len(tests)/shards : (shard+1)*len(tests)/shards]
		s := t.session(runner(t.random, day).context(t.random), at.Add(time.Duration(t.random.IntN(20_000))*time.Millisecond), commit)
		s.plugin, s.collected = true, len(part)
		s.tags = tags{{"__ci__", "github"}, {"run", r.id}, {"pipeline_build_no", fmt.Sprint(t.builds)}, {"branch", c.branch},
			{"target", "main"}, {"shard", fmt.Sprintf("%d/%d", shard+1, shards)}}
		t.measure(s, part, 1)
		r.sessions = append(r.sessions, s)
	}
	return r
}

// merge runs the suite of the main branch.
func (t *team) merge(day int, at time.Time) *run {
	t.builds++
	t.main = t.commit()
	r := &run{start: at, branch: "main", id: fmt.Sprintf("%d-1", 9_000_000+t.builds)}
	s := t.session(runner(t.random, day).context(t.random), at, t.main)
	s.plugin, s.collected = true, len(t.suite.tests)
	s.tags = tags{{"__ci__", "github"}, {"run", r.id}, {"pipeline_build_no", fmt.Sprint(t.builds)}, {"branch", "main"}}
	t.measure(s, t.suite.tests, workers)
	r.sessions = append(r.sessions, s)
	return r
}

// nightly runs the suite with pytest-monitor and each Python. A controller and its workers each have a session.
func (t *team) nightly(day time.Time) (runs []*run) {
	for i, python := range nightlyPythons {
		m := machine{model: fixed, host: "bench-1", python: python, zone: time.UTC, skew: 40 * time.Second}
		c, at := m.context(t.random), day.Add(nightlyHour*time.Hour+time.Duration(i)*30*time.Minute)
		r := &run{start: at, branch: "main"}
		for worker := range 1 + workers {
			s := t.session(c, at.Add(time.Duration(worker)*300*time.Millisecond), t.main)
			s.tags = tags{{"description", "nightly"}, {"__ci__", "jenkinsci"}, {"branch", "main"}, {"python", python}}
			if worker > 0 {
				part := t.suite.tests[(worker-1)*len(t.suite.tests)/workers : worker*len(t.suite.tests)/workers]
				t.measure(s, part, 1)
			}
			r.sessions = append(r.sessions, s)
		}
		runs = append(runs, r)
	}
	return runs
}

// local runs some tests of a module or two, as one does while one writes code.
func (t *team) local(person, day int, at time.Time) *run {
	begin := t.random.IntN(len(t.suite.tests))
	part := t.suite.tests[begin:min(len(t.suite.tests), begin+5+t.random.IntN(40))]
	r := &run{start: at, branch: fmt.Sprintf("feature/%d-%s", max(1, t.changes-t.random.IntN(8)), components[person%len(components)]),
		id: fmt.Sprintf("local-%d-%d", person, day)}
	s := t.session(laptop(person).context(t.random), at, t.commit())
	s.plugin, s.collected, s.partial = true, len(part), "path"
	s.tags = tags{{"run", r.id}, {"branch", r.branch}}
	t.measure(s, part, 1)
	r.sessions = append(r.sessions, s)
	return r
}
