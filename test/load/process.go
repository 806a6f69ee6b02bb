package main

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// process is one pytest. Each step sends rows. A session begins before the first rows, and ends after the last ones.
type process struct {
	kind    string
	project string
	name    string // of the machine; workers of a burst share it, so their sessions are one run
	worker  int    // which part of the suite its tests are
	plugin  bool   // sends as the bridge's plugin does, otherwise as pytest-monitor
	tests   int    // of a session
	rows    int    // of a step

	gap    time.Duration // between two steps, on average
	random bool          // steps are independent of each other, otherwise they have one rhythm
	first  time.Duration // when the first step is due

	base    string // path before the routes
	context string // hash
	rounds  int    // sessions so far
	session *session
	next    int // number of the next test
	conn    *connection
	ledger  *ledger
	tally   *tally
	body    []byte
}

// beginners is how many processes begin at a time before the load.
const beginners = 4

// beginAll connects the clients that post, and lets their first sessions begin. They are amid these sessions when the load starts.
func beginAll(t target, c config, l *ledger) []*process {
	all := processes(c)
	var busy errgroup.Group
	busy.SetLimit(beginners)
	for _, p := range all {
		p.base, p.context, p.ledger, p.tally = t.base(p.project), hexOf(p.name)[:32], l, new(tally)
		headers := headersMonitor
		if p.plugin {
			headers = headersPlugin
		}
		p.conn = dialer(t, headers, p.plugin, time.Now().Add(time.Minute))
		busy.Go(func() error {
			if p.begin(time.Now()) {
				p.next = rand.IntN(p.tests)
			}
			p.conn.close()
			return nil
		})
	}
	_ = busy.Wait() // what fails begins with the first rows
	return all
}

// start starts the clients. The load is over when wait returns.
func start(all []*process, t target, c config, l *ledger, results *tally) (wait func()) {
	begin := time.Now()
	cutoff := begin.Add(c.duration + c.patience)
	var busy sync.WaitGroup
	run := func(kind string, rows int, due []time.Duration, step func(due time.Time)) {
		results.due += rows * len(due)
		busy.Go(func() {
			for _, at := range due {
				due := begin.Add(at)
				time.Sleep(time.Until(due))
				if time.Now().After(cutoff) {
					results.unsent(kind, rows, due)
					continue
				}
				step(due)
			}
		})
	}
	for _, p := range all {
		p.tally, p.conn.cutoff = results, cutoff
		run(p.kind, p.rows, schedule(p.gap, p.random, p.first, c.duration), p.step)
	}
	for _, r := range readers(t, c) {
		r.ledger, r.tally, r.conn = l, results, dialer(t, r.headers, true, cutoff)
		run(r.kind, 0, schedule(time.Second, true, 0, c.duration), r.read)
	}
	return busy.Wait
}

// step sends rows. Those that begin a session are due when it has begun.
func (p *process) step(due time.Time) {
	for left := p.rows; left > 0; {
		if p.session == nil {
			if !p.begin(due) {
				p.tally.unsent(p.kind, left, due)
				return
			}
			due = time.Now()
		}
		some := min(left, p.tests-p.next)
		p.send(due, some)
		if left -= some; p.next < p.tests {
			return
		}
		if p.plugin {
			p.post(time.Now(), "sessions/", p.sessionBody(p.session, true))
		}
		p.session = nil
	}
}

// begin says whether a session has begun.
func (p *process) begin(due time.Time) bool {
	s, known := p.ledger.open(p), 0
	if !p.plugin {
		known, _ = p.conn.do(http.MethodGet, p.base+"contexts/"+p.context, nil) // a failure shows in the next request
	}
	if known != http.StatusOK && !p.post(due, "contexts/", p.contextBody()) {
		return false
	}
	s.accepted = p.post(due, "sessions/", p.sessionBody(s, false))
	if s.accepted {
		p.session, p.next = s, 0
	}
	return s.accepted
}

func (p *process) send(due time.Time, count int) {
	now := time.Now().UTC()
	b := p.body[:0]
	for n := range count {
		b = append(b, "[,"[min(n, 1)])
		b = p.appendRow(b, p.session, p.next+n, now)
	}
	p.body = append(b, ']')
	b = p.body
	if count == 1 {
		b = b[1 : len(b)-1]
	}
	status, err := p.conn.do(http.MethodPost, p.base+"metrics/", b)
	p.tally.add(p.kind, "metrics/", due, status, http.StatusCreated, err)
	p.session.mark(p.next, count, status, err)
	p.next += count
	if status == http.StatusCreated {
		p.ledger.running(measured{p.project, p.session.run, p.worker*p.tests + p.next - 1})
	}
}

// post begins or ends a session, and says whether the answer is 201.
func (p *process) post(due time.Time, path string, body []byte) bool {
	status, err := p.conn.do(http.MethodPost, p.base+path, body)
	p.tally.add(kindEdges, path, due, status, http.StatusCreated, err)
	return err == nil && status == http.StatusCreated
}
