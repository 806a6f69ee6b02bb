package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// The kinds of clients, as the table names them.
const (
	kindMonitor = "pytest-monitor, a new connection for each row"
	kindBurst   = "pytest-monitor with -n 16, all workers at once"
	kindPlugin  = "the bridge's plugin, lists on a kept connection"
	kindLarge   = "the same with a large suite"
	kindEdges   = "starts and ends of sessions"
	kindPage    = "pages"
	kindList    = "lists"
	kindReport  = "reports"
	kindRuns    = "runs"
)

var kinds = []string{kindMonitor, kindBurst, kindPlugin, kindLarge, kindEdges, kindPage, kindList, kindReport, kindRuns}

// posting are the kinds whose requests must all be answered with 201.
var posting = kinds[:5]

const (
	workers  = 16  // of a pytest -n 16
	listRows = 100 // most rows of a request of the plugin
	teams    = 10  // projects
	large    = "monorepo"
)

// target is a server under load.
type target struct {
	url    string // such as "http://127.0.0.1:8080"
	bridge bool   // otherwise it has no projects, and gets no lists of rows and no readers
}

// base returns the path that clients of a project put before their routes.
func (t target) base(project string) string {
	if t.bridge {
		return "/p/" + project + "/"
	}
	return "/api/v1/"
}

func team(n int) string { return fmt.Sprintf("team-%d", n%teams) }

// monitorOnly returns the clients of pytest-monitor, with a rate for them alone.
func (c config) monitorOnly(rate float64, duration time.Duration) config {
	c.rate, c.duration, c.plugins, c.large, c.readers = rate, duration, 0, 0, 0
	return c
}

// processes returns the clients that post. Together they post c.rate rows a second.
func processes(c config) (all []*process) {
	if c.plugins == 0 {
		c.rate /= 0.6 // the others post the part of these too
	}
	for n := range c.pytests {
		gap := every(1, 0.4*c.rate/float64(c.pytests))
		all = append(all, &process{kind: kindMonitor, project: team(n), name: fmt.Sprintf("monitor-%d", n), tests: c.tests, rows: 1,
			gap: gap, random: true, first: part(gap, n, c.pytests)})
	}
	for n := range workers * c.bursts {
		group := n / workers
		gap := every(workers, 0.2*c.rate/float64(c.bursts))
		all = append(all, &process{kind: kindBurst, project: team(group), name: fmt.Sprintf("burst-%d", group), worker: n % workers,
			tests: c.tests, rows: 1, gap: gap, first: part(gap, group, c.bursts)})
	}
	for _, k := range []struct {
		kind, project   string
		processes, size int
	}{{kindPlugin, "", c.plugins, c.tests}, {kindLarge, large, c.large, c.largeTests}} {
		for n := range k.processes {
			p := &process{kind: k.kind, project: k.project, name: fmt.Sprintf("plugin-%s%d", k.project, n), plugin: true, tests: k.size}
			if p.project == "" {
				p.project = team(n)
			}
			// The plugin sends each second, or at 100 rows.
			rate := 0.2 * c.rate / float64(k.processes)
			p.rows = max(1, min(listRows, int(rate), k.size))
			p.gap = every(p.rows, rate)
			p.first = part(p.gap, n, k.processes)
			all = append(all, p)
		}
	}
	return all
}

// every returns the time between steps of so many rows at a rate of rows a second.
func every(rows int, rate float64) time.Duration {
	return time.Duration(float64(rows) / rate * float64(time.Second))
}

// part spreads the clients of a kind over a gap.
func part(gap time.Duration, n, of int) time.Duration {
	return gap * time.Duration(n) / time.Duration(of)
}

// schedule returns when the steps of a client are due, from its first one to the end of the load.
func schedule(gap time.Duration, random bool, first, end time.Duration) (due []time.Duration) {
	for at := first; at < end; {
		due = append(due, at)
		if random {
			at += time.Duration(rand.ExpFloat64() * float64(gap))
		} else {
			at += gap
		}
	}
	return due
}
