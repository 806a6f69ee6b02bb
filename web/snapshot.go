package web

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/turns"
)

const (
	maxSnapshots  = 20
	earlierRuns   = 5     // whose middle value a test of a run is compared with
	maxUnusual    = 5_000 // tests of a run that failed or were retried
	refreshFactor = 10    // a run under way is read again after this many times as long as the last reading took, without its rests
	minRefresh    = 2 * time.Second
)

// snapshot has the tests of a run, in memory and ready to be sorted and searched. It is immutable, except for the orders.
type snapshot struct {
	tests   []test
	counts  map[string]int // of tests, by status
	folders []folder       // the greatest wall time first
	compare int            // number of earlier runs that the tests are compared with
	ratios  []bin

	mu     sync.Mutex
	orders map[string][]int32         // by what they sort by, the least first
	byKey  map[bool]map[joinKey]int32 // see index
	noises [len(monitor.JudgedMetrics)][]noise

	records int64
	version int64 // of the report
	newest  int64 // session
	made    time.Time
	took    time.Duration
}

// test is one row of a run. There are many, and the garbage collector follows each pointer in them.
type test struct {
	testName
	Env      string // class of machine
	Location string // file
	Start    int64  // UTC nanoseconds

	TotalTime float64 // NaN when absent, like the next two
	CPUTime   float64
	MemUsage  float64
	Before    float64 // wall time, the middle of the earlier runs; NaN when unknown

	Outcome    string // empty unless the test failed or was retried
	Attempts   int64
	Occurrence int
	Status     string
	Changes    map[string]monitor.Status

	past past
	find string          // what is searched, in small letters
	of   *monitor.Series // until the test has its name
}

func testOf(t *monitor.RunTest) test {
	return test{Env: t.Env, Location: t.Location, Start: t.Start, TotalTime: t.TotalTime, CPUTime: t.CPUTime, MemUsage: t.MemUsage,
		Outcome: t.Outcome, Attempts: t.Attempts, of: &t.Series}
}

// Ratio is how the wall time compares with that of the earlier runs.
func (t *test) Ratio() monitor.Number { return monitor.Number(t.TotalTime / t.Before) }

// folder sums up the tests below a folder.
type folder struct {
	Name        string
	Now, Before float64 // wall time in seconds
	Tests       int
}

// snapshots keeps the snapshots of the runs that were looked at last. A cache that drops entries by
// their cost does not do: the two runs of a comparison must stay however large they are, and a run is read by one request at a time.
type snapshots struct {
	mu      sync.Mutex
	entries []*snapshotEntry // the one used last comes first
}

type snapshotEntry struct {
	project, run string
	place        chan struct{} // has a value while the run is read
	kept         *snapshot
}

// entry returns the place for the snapshot of a run, and forgets others when there are too many.
func (s *snapshots) entry(project, run string, maxTests int) *snapshotEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.entries, func(e *snapshotEntry) bool { return e.project == project && e.run == run })
	e := &snapshotEntry{project: project, run: run, place: make(chan struct{}, 1)}
	if at >= 0 {
		e = s.entries[at]
		s.entries = slices.Delete(s.entries, at, at+1)
	}
	s.entries = slices.Insert(s.entries, 0, e)
	total := 0
	for i, e := range s.entries {
		select {
		case e.place <- struct{}{}:
		default:
			continue // it is being read
		}
		if e.kept != nil {
			total += len(e.kept.tests)
		}
		<-e.place
		if i > 1 && (total > maxTests || i >= maxSnapshots) { // a comparison needs two
			s.entries = s.entries[:i]
			break
		}
	}
	return e
}

// snapshot returns the tests of a run. It reads the run again when something has arrived or was judged since.
func (p *Pages) snapshot(ctx context.Context, row *runRow) (*snapshot, error) {
	info := row.Info
	activities, err := p.parts.Store.Activities(ctx, info.Project, []string{info.ID})
	if err != nil {
		return nil, err
	}
	activity := activities[info.ID]
	if activity == nil {
		return nil, monitor.Errorf(monitor.ENotFound, "run %q is removed", info.ID)
	}
	e := p.snapshots.entry(info.Project, info.ID, p.MaxTests)
	if err := acquire(ctx, turns.FromContext(ctx), e.place); err != nil {
		return nil, err
	}
	defer func() { <-e.place }()
	now, away := p.Now(), turns.FromContext(ctx).Away()
	if s := e.kept; s != nil && s.version == row.version && s.newest == activity.Newest &&
		(s.records == activity.Records || now.Sub(s.made) < max(minRefresh, refreshFactor*s.took)) {
		return s, nil
	}
	if row.Report == nil {
		if err := p.readReport(ctx, row); err != nil {
			return nil, err
		}
	}
	s, err := p.readSnapshot(ctx, info, row.Report)
	if err != nil {
		return nil, err
	}
	s.records, s.newest, s.version = activity.Records, activity.Newest, row.version
	s.made, s.took = now, p.Now().Sub(now)-(turns.FromContext(ctx).Away()-away)
	e.kept = s
	return s, nil
}

func (p *Pages) readSnapshot(ctx context.Context, info *monitor.RunInfo, report *monitor.Report) (*snapshot, error) {
	earlier, err := p.parts.Store.RunInfos(ctx, monitor.RunInfoQuery{Project: info.Project, Branch: &info.Branch, Before: info.Started,
		Measured: true, Whole: true, Like: info.Partial, Limit: earlierRuns})
	if err != nil {
		return nil, err
	}
	s := &snapshot{tests: make([]test, 0, info.Tests), counts: map[string]int{}, orders: map[string][]int32{},
		byKey: map[bool]map[joinKey]int32{}, compare: len(earlier)}
	before, read := newPasts(earlier), 0
	for sample, err := range p.parts.Store.Samples(ctx, info.Sort(), append([]*monitor.RunInfo{info}, earlier...)) {
		if err != nil {
			return nil, err
		}
		if sample.Run == info {
			s.tests = append(s.tests, test{of: sample.Series, Env: sample.Env, Location: sample.Location,
				Start: sample.Start, TotalTime: sample.TotalTime, CPUTime: sample.CPUTime, MemUsage: sample.MemUsage})
		} else {
			before.add(&sample)
		}
		if read++; read%passEvery == 0 {
			if err := turns.FromContext(ctx).Pass(ctx); err != nil {
				return nil, err
			}
		}
	}
	unusual, err := p.parts.Store.UnusualTests(ctx, info.Project, info.ID, maxUnusual)
	if err != nil {
		return nil, err
	}
	s.finish(before, unusual, report)
	return s, nil
}

// passEvery is how many measurements are read before other projects may read.
const passEvery = 20_000

// finish adds to the measured tests what else is known of them.
func (s *snapshot) finish(before *pasts, unusual []monitor.RunTest, report *monitor.Report) {
	slices.SortFunc(s.tests, func(a, b test) int { return cmp.Compare(a.Start, b.Start) })
	retried := map[int64]monitor.RunTest{} // by micros: a test that passed at a later attempt has a metric too
	shared := before.shared(s.tests, unusual)
	for i := range unusual {
		t := &unusual[i]
		if t.Outcome == monitor.OutcomeFailed || t.Outcome == monitor.OutcomeError {
			failed := testOf(t)
			failed.of = shared[t.Series]
			s.tests = append(s.tests, failed)
		} else {
			retried[micros(t.Start)] = *t
		}
	}
	changes := map[monitor.TestID]map[string]monitor.Status{}
	if report != nil {
		for i := range report.Results {
			r := &report.Results[i]
			if changes[r.TestID] == nil {
				changes[r.TestID] = map[string]monitor.Status{}
			}
			changes[r.TestID][r.Metric] = r.Status
		}
	}
	usual := usualStatus(report)
	seen := make(map[testKey]int, len(s.tests))
	for i := range s.tests {
		t, known := &s.tests[i], false
		key := testKey{t.of, t.Env}
		t.Occurrence = seen[key]
		t.Before, t.past, known = before.of(key)
		seen[key]++
		if again, ok := retried[micros(t.Start)]; ok && again.Series == *t.of {
			t.Outcome, t.Attempts = again.Outcome, again.Attempts
		}
		id := t.of.ID(t.Env)
		id.Occurrence = t.Occurrence
		t.Changes = changes[id]
		t.Status = statusOf(t, usual)
		if t.Status == usual && s.compare > 0 && !known {
			t.Status = "new"
		}
		s.counts[t.Status]++
	}
	s.name()
	s.folders = foldersOf(s.tests)
	s.ratios = binsOf(s.tests)
}

// micros returns the microsecond of an instant. The digits below it differ between the metric and the outcome of one test.
func micros(start int64) int64 { return start / 1000 }

// statusOf returns the word for a row: what matters most about it.
func statusOf(t *test, usual string) string {
	worst := ""
	for _, status := range t.Changes {
		if worst == "" || status.Severity() < monitor.Status(worst).Severity() {
			worst = string(status)
		}
	}
	switch {
	case t.Outcome == monitor.OutcomeFailed || t.Outcome == monitor.OutcomeError:
		return "failed"
	case worst != "":
		return worst
	case t.Attempts > 1:
		return "flaky"
	}
	return usual
}

// usualStatus returns the status of the tests that a report says nothing of. A kept report has the results that show a change.
func usualStatus(r *monitor.Report) string {
	if r == nil {
		return string(monitor.StatusNotJudged)
	}
	switch verdict := r.Verdict(); verdict {
	case monitor.StatusLearning, monitor.StatusNotJudged:
		return string(verdict)
	}
	return string(monitor.StatusOK)
}

// middle returns the median; NaN for no values.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
