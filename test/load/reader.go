package main

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// reader asks for one of its paths at a time. In a path, PROJECT, RUN and TEST stand for what a project measured last.
type reader struct {
	kind    string
	headers string
	paths   []string

	conn   *connection
	ledger *ledger
	tally  *tally
}

// readers returns the clients that read.
func readers(t target, c config) (all []*reader) {
	of := []reader{
		{kind: kindPage, headers: headersBrowser, paths: []string{"", "runs", "runs/RUN", "tests", "regressions", "test?TEST"}},
		{kind: kindList, headers: headersMonitor, paths: []string{"metrics/?page=-1", "sessions/", "metrics/"}},
		{kind: kindReport, headers: headersMonitor, paths: []string{"regressions"}},
		{kind: kindRuns, headers: headersMonitor, paths: []string{"runs/"}},
	}
	for i := range of {
		for n, path := range of[i].paths {
			if of[i].kind != kindPage {
				path = "api/v1/" + path
			}
			of[i].paths[n] = t.base("PROJECT") + path
		}
	}
	for n := range c.readers {
		r := of[n%len(of)]
		all = append(all, &r)
	}
	return all
}

func (r *reader) read(due time.Time) {
	m, ok := r.ledger.any()
	if !ok {
		return // there is nothing to read yet
	}
	test := url.Values{"component": {component}, "path": {modulePath(m.test)}, "name": {variant(m.test)}}
	path := strings.NewReplacer("PROJECT", m.project, "RUN", url.PathEscape(m.run), "TEST", test.Encode()).
		Replace(r.paths[rand.IntN(len(r.paths))])
	status, err := r.conn.do(http.MethodGet, path, nil)
	r.tally.add(r.kind, path, due, status, http.StatusOK, err)
}
