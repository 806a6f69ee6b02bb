package main

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math"
	"time"
)

// tags are the members of a session's description, in order.
type tags [][2]string

// session is one process of pytest.
type session struct {
	plugin    bool // this project's plugin, otherwise pytest-monitor
	context   state
	start     time.Time // by a clock that is right
	commit    string
	tags      tags
	rows      []row
	collected int
	partial   string // why it is not the whole suite
	hash      string
}

// row is one test of a session.
type row struct {
	*test
	start                time.Time // by a clock that is right
	seconds, cpu, memory float64
	outcome              string
}

func (t *team) session(c state, at time.Time, commit string) *session {
	sum := md5.Sum(fmt.Appendf(nil, "%s %d %d", commit, at.UnixNano(), t.random.Uint64()))
	return &session{context: c, start: at, commit: commit, hash: hex.EncodeToString(sum[:])}
}

// measure adds the rows of tests that so many workers run. A machine has better and worse days, and a test has noise of its own.
func (t *team) measure(s *session, tests []*test, workers int) {
	day := math.Exp(0.02 * t.random.NormFloat64())
	clocks := make([]time.Time, workers)
	for i := range clocks {
		clocks[i] = s.start.Add(2 * time.Second)
	}
	for i, test := range tests {
		at := &clocks[i%workers]
		noise := math.Exp(0.03 * t.random.NormFloat64())
		r := row{test: test, start: *at, outcome: "passed", seconds: test.seconds * test.slow * day * noise / s.context.speed,
			memory: test.memory * (1 + 0.01*t.random.NormFloat64())}
		r.cpu = r.seconds * test.cpu
		switch {
		case !s.plugin: // ticks of 10 ms
			r.cpu = math.Round(r.cpu*100) / 100
		case test.skipped:
			r.outcome, r.seconds, r.cpu, r.memory = "skipped", 0.0001, 0.0001, 0
		case t.random.IntN(1000) == 0:
			r.outcome = "failed"
		}
		*at = at.Add(time.Duration(r.seconds*1e9) + 2*time.Millisecond)
		if s.plugin || !test.skipped { // pytest-monitor says nothing of skipped tests
			s.rows = append(s.rows, r)
		}
	}
}

// example returns the first test of a run that was measured.
func (r *run) example() row {
	for _, s := range r.sessions {
		for _, row := range s.rows {
			if row.outcome == "passed" {
				return row
			}
		}
	}
	return row{}
}
