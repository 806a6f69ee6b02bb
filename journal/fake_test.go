package journal_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"pymon-bridge/monitor"
)

const dest = monitor.Destination("http://influx.example org bucket")

// fakeJournal is a journal in memory. It outlives the couriers that work on it. It compares each acknowledgement with the
// records that the sink has, and lists the differences in wrong.
type fakeJournal struct {
	AppendFn func(recs []*monitor.Record) error // replaces Append
	FailFn   func(op string) error              // returns the error of another method
	stored   func(seq uint64) bool              // says whether the sink has a record

	anyProject bool // lookups in any project find something

	mu     sync.Mutex
	recs   []*monitor.Record
	cursor uint64
	parked map[uint64]time.Time
	aside  map[uint64]bool // of the parked ones
	again  map[uint64]bool // of the parked ones: they were delivered before
	pins   map[uint64]monitor.Origin
	dead   map[uint64]monitor.DeadLetter
	lost   []monitor.Loss
	replay func() int64 // the replay that has sent nothing yet; may be nil
	wrong  []string
	nexts  int
}

func newFakeJournal() *fakeJournal {
	return &fakeJournal{
		parked: map[uint64]time.Time{},
		aside:  map[uint64]bool{},
		again:  map[uint64]bool{},
		pins:   map[uint64]monitor.Origin{},
		dead:   map[uint64]monitor.DeadLetter{},
		stored: func(uint64) bool { return true },
	}
}

func (j *fakeJournal) fail(op string) error {
	j.mu.Lock()
	fail := j.FailFn
	j.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(op)
}

func (j *fakeJournal) Append(_ context.Context, recs []*monitor.Record) error {
	if j.AppendFn != nil {
		return j.AppendFn(recs)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range recs {
		r.Seq = uint64(len(j.recs) + 1)
		j.recs = append(j.recs, r)
	}
	return nil
}

// add appends one record and returns its number.
func (j *fakeJournal) add(r *monitor.Record) uint64 {
	r.Received = time.Now()
	_ = j.Append(context.Background(), []*monitor.Record{r})
	return r.Seq
}

func (j *fakeJournal) pending(seq uint64) monitor.Pending {
	p := monitor.Pending{Record: j.recs[seq-1], Since: j.parked[seq], Delivered: j.again[seq]}
	if o, ok := j.pins[seq]; ok {
		p.Pinned = &o
	}
	return p
}

func (j *fakeJournal) Next(ctx context.Context, _ monitor.Destination, after uint64, n int) ([]monitor.Pending, error) {
	if err := j.fail("next"); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.nexts++
	var out []monitor.Pending
	for seq := after + 1; seq <= uint64(len(j.recs)) && len(out) < n; seq++ {
		out = append(out, j.pending(seq))
	}
	return out, ctx.Err()
}

func (j *fakeJournal) Cursor(context.Context, monitor.Destination) (uint64, error) {
	return j.acked(), j.fail("cursor")
}

func (j *fakeJournal) Parked(_ context.Context, _ monitor.Destination, after uint64, n int) ([]monitor.Pending, error) {
	return j.parkedOnes(false, after, n)
}

func (j *fakeJournal) Aside(_ context.Context, _ monitor.Destination, after uint64, n int) ([]monitor.Pending, error) {
	return j.parkedOnes(true, after, n)
}

func (j *fakeJournal) parkedOnes(aside bool, after uint64, n int) ([]monitor.Pending, error) {
	if err := j.fail("parked"); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []monitor.Pending
	for seq := after + 1; seq <= uint64(len(j.recs)) && len(out) < n; seq++ {
		if _, ok := j.parked[seq]; ok && j.aside[seq] == aside {
			out = append(out, j.pending(seq))
		}
	}
	return out, nil
}

func (j *fakeJournal) PinOrigins(_ context.Context, origins map[uint64]monitor.Origin) error {
	if err := j.fail("pin"); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for seq, o := range origins {
		if _, ok := j.pins[seq]; !ok {
			j.pins[seq] = o
		}
	}
	return nil
}

func (j *fakeJournal) Ack(ctx context.Context, d monitor.Destination, s monitor.Acknowledgement) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := j.fail("ack"); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if d != dest || s.Cursor < j.cursor {
		j.wrong = append(j.wrong, fmt.Sprintf("cursor from %d to %d for %q", j.cursor, s.Cursor, d))
	}
	for _, l := range s.Bury {
		if _, twice := j.dead[l.Seq]; twice || j.stored(l.Seq) {
			j.wrong = append(j.wrong, fmt.Sprintf("%d is buried, but was buried or stored before", l.Seq))
		}
		j.dead[l.Seq] = l
	}
	for _, seq := range s.Park {
		j.parked[seq] = time.Now()
	}
	for _, seq := range s.SetAside {
		_, pinned := j.pins[seq]
		if j.parked[seq], j.aside[seq] = time.Now(), true; !pinned && j.recs[seq-1].Measured() != nil {
			j.wrong = append(j.wrong, fmt.Sprintf("%d is set aside without its origin", seq))
		}
	}
	for _, seq := range s.Unpark {
		if _, ok := j.parked[seq]; !ok {
			j.wrong = append(j.wrong, fmt.Sprintf("%d is unparked, but was not parked", seq))
		}
		delete(j.parked, seq)
		delete(j.aside, seq)
		delete(j.again, seq)
	}
	for seq := uint64(1); seq <= s.Cursor; seq++ {
		_, dead := j.dead[seq]
		_, parked := j.parked[seq]
		if !j.stored(seq) && !dead && !parked {
			j.wrong = append(j.wrong, fmt.Sprintf("%d is acknowledged, but not stored, buried or parked", seq))
		}
	}
	j.cursor = s.Cursor
	return nil
}

func (j *fakeJournal) NoteLoss(_ context.Context, _ monitor.Destination, what string, had []monitor.Class) (noted bool, err error) {
	if err := j.fail("loss"); err != nil {
		return false, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.ContainsFunc(j.recs[:j.cursor], func(r *monitor.Record) bool { return slices.Contains(had, r.Class()) }) {
		return false, nil
	}
	l := monitor.Loss{At: time.Now(), What: what, Cursor: j.cursor}
	if j.replay != nil {
		l.Replay = j.replay()
	}
	j.lost = append(j.lost, l)
	return true, nil
}

func (j *fakeJournal) Stats(context.Context, monitor.Destination) (monitor.JournalStats, error) {
	if err := j.fail("stats"); err != nil {
		return monitor.JournalStats{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	depth := len(j.recs) - int(j.cursor) + len(j.parked)
	return monitor.JournalStats{Depth: int64(depth), Parked: int64(len(j.parked)), Aside: int64(len(j.aside)), DeadLetters: int64(len(j.dead)), Lost: slices.Clone(j.lost)}, nil
}

func (j *fakeJournal) Context(_ context.Context, project, h string) (*monitor.Context, error) {
	r, err := j.find(project, func(r *monitor.Record) bool {
		return r.Context != nil && r.Context.H == h && (project == "" || project == r.Project)
	})
	if err != nil {
		return nil, err
	}
	return r.Context, nil
}

func (j *fakeJournal) Session(_ context.Context, project, h string) (*monitor.Session, error) {
	r, err := j.find(project, func(r *monitor.Record) bool {
		return r.Session != nil && r.Session.SessionH == h && (project == "" || project == r.Project)
	})
	if err != nil {
		return nil, err
	}
	return r.Session, nil
}

func (j *fakeJournal) find(project string, is func(*monitor.Record) bool) (*monitor.Record, error) {
	if err := j.fail("find"); err != nil {
		return nil, err
	}
	if project == "" && !j.anyProject {
		return nil, monitor.Errorf(monitor.ENotFound, "the fake looks in one project only")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.IndexFunc(j.recs, is); i >= 0 {
		return j.recs[i], nil
	}
	return nil, monitor.Errorf(monitor.ENotFound, "not found")
}

// sync makes the test's earlier changes visible to the courier's goroutines.
func (j *fakeJournal) sync() {
	j.mu.Lock()
	defer j.mu.Unlock()
}

func (j *fakeJournal) acked() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cursor
}

func (j *fakeJournal) parkedCount() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.parked)
}

func (j *fakeJournal) deadSeqs() []uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []uint64
	for seq := range j.dead {
		out = append(out, seq)
	}
	slices.Sort(out)
	return out
}

// fakeSink is a destination in memory. It stores the points for which DeliverFn returns Delivered.
type fakeSink struct {
	PrepareFn func(points []*monitor.Point)                                    // is called first; may be nil
	DeliverFn func(ctx context.Context, points []*monitor.Point) monitor.Reply // nil: Delivered
	ProbeFn   func(class monitor.Class) monitor.Reply                          // nil: Delivered
	LimitFn   func(p *monitor.Point) string

	mu       sync.Mutex
	stored   map[uint64]monitor.Origin
	ever     map[uint64]bool           // was stored once
	tried    map[uint64]monitor.Origin // the origin at the first attempt
	requests []int                     // number of points of each delivery
	wrong    []string
}

func newFakeSink() *fakeSink {
	return &fakeSink{stored: map[uint64]monitor.Origin{}, ever: map[uint64]bool{}, tried: map[uint64]monitor.Origin{}}
}

func (s *fakeSink) Destination() monitor.Destination { return dest }

func (s *fakeSink) Limit(p *monitor.Point) string {
	if s.LimitFn == nil {
		return ""
	}
	return s.LimitFn(p)
}

func (s *fakeSink) Probe(_ context.Context, class monitor.Class) monitor.Reply {
	if s.ProbeFn == nil {
		return monitor.Reply{}
	}
	return s.ProbeFn(class)
}

func (s *fakeSink) Prepare(points []*monitor.Point) monitor.Delivery {
	if s.PrepareFn != nil {
		s.PrepareFn(points)
	}
	return func(ctx context.Context) monitor.Reply { return s.deliver(ctx, points) }
}

func (s *fakeSink) deliver(ctx context.Context, points []*monitor.Point) monitor.Reply {
	s.mu.Lock()
	s.requests = append(s.requests, len(points))
	measured := points[0].Measured() != nil
	for _, p := range points {
		if first, ok := s.tried[p.Seq]; ok && first != p.Origin {
			s.wrong = append(s.wrong, fmt.Sprintf("%d as %v, then as %v", p.Seq, first, p.Origin))
		}
		if s.tried[p.Seq] = p.Origin; measured != (p.Measured() != nil) {
			s.wrong = append(s.wrong, "metadata and measured records in one delivery")
		}
	}
	s.mu.Unlock()
	var v monitor.Reply
	if s.DeliverFn != nil {
		v = s.DeliverFn(ctx, points)
	}
	if v.Kind == monitor.Delivered {
		s.store(points)
	}
	return v
}

func (s *fakeSink) store(points []*monitor.Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range points {
		s.stored[p.Seq], s.ever[p.Seq] = p.Origin, true
	}
}

// sync makes the test's earlier changes visible to the next delivery. Passing time alone does not.
func (s *fakeSink) sync() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

func (s *fakeSink) has(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.stored[seq]
	return ok
}

// had says whether the sink has a record, or had it before it lost everything.
func (s *fakeSink) had(seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ever[seq]
}

// lose removes all points, as when a bucket is deleted.
func (s *fakeSink) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.stored)
}

func (s *fakeSink) origin(seq uint64) monitor.Origin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored[seq]
}

func (s *fakeSink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.stored)
}

// sent returns the number of points of each delivery since its last call.
func (s *fakeSink) sent() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

func context1(project, h string) *monitor.Record {
	return &monitor.Record{Project: project, Context: &monitor.Context{H: h, Env: "env-" + project + "-" + h}}
}

func session1(project, h string) *monitor.Record {
	return &monitor.Record{Project: project, Session: &monitor.Session{
		SessionH: h, Run: "run-" + project + "-" + h, ScmRef: monitor.Text{String: "commit"}, Branch: "main"}}
}

func metric1(project, contextH, sessionH string) *monitor.Record {
	return &monitor.Record{Project: project, Metric: &monitor.Metric{ContextH: contextH, SessionH: sessionH}}
}

// outcomeOf makes an outcome of a metric.
func outcomeOf(r *monitor.Record) *monitor.Record {
	return &monitor.Record{Project: r.Project, Outcome: &monitor.Outcome{Metric: *r.Metric, NodeID: "test_a.py::test_a"}}
}

func known(project, contextH, sessionH string) monitor.Origin {
	return monitor.Origin{Env: "env-" + project + "-" + contextH, Run: "run-" + project + "-" + sessionH,
		ScmRef: "commit", Branch: "main"}
}

// log collects log lines.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// has says whether a line with some words names a record.
func (l *log) has(words string, seq uint64) bool {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, words) && strings.Contains(line, fmt.Sprintf("seq=%d ", seq)) {
			return true
		}
	}
	return false
}

func (l *log) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }
