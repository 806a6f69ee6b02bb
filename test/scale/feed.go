package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const project = "shop"

// atOnce is how many runs of a day are posted at a time.
const atOnce = 8

// rowsOfList is how many rows the plugin sends at most in a request.
const rowsOfList = 100

// counts says what a number of days have brought.
type counts struct {
	days, runs, sessions, ends, metrics, outcomes int
	contexts, hosts, commits, branches, tests     map[string]bool
	series                                        map[string]bool // a test on a class of machine
	classes                                       map[string]bool
	measured                                      int  // runs that measured something, and so are judged
	last                                          *run // of the main branch
	before                                        *run // the one before
}

func newCounts() *counts {
	return &counts{contexts: map[string]bool{}, hosts: map[string]bool{}, commits: map[string]bool{}, branches: map[string]bool{},
		tests: map[string]bool{}, series: map[string]bool{}, classes: map[string]bool{}}
}

func (c *counts) add(r *run) {
	c.runs++
	c.branches[r.branch] = true
	measured := 0
	for _, s := range r.sessions {
		c.sessions++
		c.contexts[s.context.hash], c.hosts[s.context.host], c.commits[s.commit] = true, true, true
		class := fmt.Sprint(s.context.vendor, s.context.python, s.plugin)
		for _, row := range s.rows {
			if row.outcome != "passed" {
				continue
			}
			measured++
			name := row.path + "." + row.variant
			c.tests[name], c.series[name+class], c.classes[class] = true, true, true
		}
		if s.plugin {
			c.ends++
			c.outcomes += len(s.rows)
		}
	}
	c.metrics += measured
	if measured > 0 {
		c.measured++
	}
	if r.branch == "main" && r.id != "" {
		c.before, c.last = c.last, r
	}
}

// feeder posts what pytest posts.
type feeder struct {
	base string // such as http://127.0.0.1:8080/p/shop
	http http.Client
}

func newFeeder(url string) *feeder {
	return &feeder{base: url + "/p/" + project + "/",
		http: http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}}
}

// feed posts the runs of the next days, and counts them.
func (f *feeder) feed(t *team, days int, c *counts) error {
	for range days {
		var busy errgroup.Group
		busy.SetLimit(atOnce)
		for _, r := range t.day(c.days) {
			c.add(r)
			busy.Go(func() error { return f.run(r) })
		}
		if err := busy.Wait(); err != nil {
			return err
		}
		c.days++
	}
	return nil
}

func (f *feeder) run(r *run) error {
	for _, s := range r.sessions {
		if err := f.session(s); err != nil {
			return err
		}
	}
	return nil
}

func (f *feeder) session(s *session) error {
	if err := f.post("contexts/", s.context.body()); err != nil {
		return err
	}
	if err := f.post("sessions/", s.body(false)); err != nil {
		return err
	}
	rows := map[string][]row{}
	for _, r := range s.rows {
		route := "metrics/"
		if r.outcome != "passed" {
			route = "outcomes/"
		}
		rows[route] = append(rows[route], r)
	}
	for _, route := range []string{"metrics/", "outcomes/"} {
		for begin := 0; begin < len(rows[route]); begin += rowsOfList {
			b := []byte{'['}
			for i, r := range rows[route][begin:min(begin+rowsOfList, len(rows[route]))] {
				if i > 0 {
					b = append(b, ',')
				}
				b = r.append(b, s)
			}
			if err := f.post(route, append(b, ']')); err != nil {
				return err
			}
		}
	}
	if s.plugin {
		return f.post("sessions/", s.body(true))
	}
	return nil
}

func (f *feeder) post(route string, body []byte) error {
	resp, err := f.http.Post(f.base+route, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // everything is read
	if err == nil && resp.StatusCode != http.StatusCreated {
		err = fmt.Errorf("POST %s: %s %.500s", route, resp.Status, answer)
	}
	return err
}
