package regress

import (
	"iter"
	"maps"
	"math"
	"slices"

	"pymon-bridge/monitor"
)

// record is a sample with everything that repeats replaced by numbers, since there can be millions.
type record struct {
	start   int64
	value   [metrics]float64 // NaN where absent
	row     int32            // series, within its class of machine
	run     int32            // index in the lineage
	session int32
}

// slab is how many records are allocated together: growing one slice would copy all of them again and again.
const slab = 1 << 14

// machine is what was measured on one class of machine.
type machine struct {
	env     string
	series  []*monitor.Series // by row
	places  []string          // file of each row, as the judged run says
	judged  []int32           // by row: samples in the judged run
	records [][]record        // slabs
	// session is by run the one session that measured something: none or several where it is not one.
	session []int32
	spans   []span // by session
	count   int    // records

	byPointer map[*monitor.Series]int32
	byValue   map[monitor.Series]int32
}

// Instead of a session's number.
const (
	none    = -1
	several = -2
)

// collector sorts samples by class of machine.
type collector struct {
	runs     runs
	machines map[string]*machine
	sessions map[sessionKey]int32

	// What the last sample had, since neighbours mostly share it.
	lastMachine *machine
	lastSession sessionKey
	lastNumber  int32
}

// sessionKey is a session in one of its runs, of which it has no more than one if nothing is amiss.
type sessionKey struct {
	hash string
	run  int32
}

// runs are the runs of a lineage: first the baseline, then the window, whose last is judged.
type runs struct {
	heads     []*monitor.RunInfo
	window    int // where the window begins
	byPointer map[*monitor.RunInfo]int32
	byID      map[string]int32
}

// newRuns numbers the runs of a lineage.
func newRuns(l monitor.Comparison) runs {
	r := runs{
		heads:     slices.Concat(l.Baseline, l.Window),
		window:    len(l.Baseline),
		byPointer: map[*monitor.RunInfo]int32{},
		byID:      map[string]int32{},
	}
	for i, head := range r.heads {
		r.byPointer[head] = int32(i)
		r.byID[head.ID] = int32(i)
	}
	return r
}

// last returns the index of the judged run.
func (r *runs) last() int { return len(r.heads) - 1 }

// index returns the number of a run, also when it is told by another pointer.
func (r *runs) index(head *monitor.RunInfo) (int32, bool) {
	if i, ok := r.byPointer[head]; ok {
		return i, true
	}
	if head == nil {
		return 0, false
	}
	i, ok := r.byID[head.ID]
	return i, ok
}

// collect reads all samples of a lineage's runs. It returns the classes of machine that the judged run measured
// something on, by name.
func collect(r runs, samples iter.Seq2[monitor.Sample, error]) ([]*machine, error) {
	c := &collector{runs: r, machines: map[string]*machine{}, sessions: map[sessionKey]int32{}}
	for s, err := range samples {
		if err != nil {
			return nil, err
		}
		if run, ok := r.index(s.Run); ok && s.Series != nil {
			c.add(&s, run)
		}
	}
	var measured []*machine
	for _, env := range slices.Sorted(maps.Keys(c.machines)) {
		if m := c.machines[env]; m.session[r.last()] != none {
			measured = append(measured, m)
		}
	}
	return measured, nil
}

// add keeps a sample.
func (c *collector) add(s *monitor.Sample, run int32) {
	m := c.machine(s.Env)
	row := m.row(s.Series)
	if int(run) == c.runs.last() {
		m.judged[row]++
		if m.places[row] == "" || s.Location != "" && s.Location < m.places[row] {
			m.places[row] = s.Location
		}
	}
	session := c.session(sessionKey{s.Session, run})
	if m.session[run] == none {
		m.session[run] = session
	} else if m.session[run] != session {
		m.session[run] = several
	}
	m.keep(record{
		start:   s.Start,
		value:   [metrics]float64{cpuTime: present(s.CPUTime), memUsage: present(s.MemUsage), totalTime: present(s.TotalTime)},
		row:     row,
		run:     run,
		session: session,
	})
}

// present turns what no clock can show into an absent value.
func present(x float64) float64 {
	if math.IsInf(x, 0) {
		return math.NaN()
	}
	return x
}

func (c *collector) machine(env string) *machine {
	if c.lastMachine != nil && c.lastMachine.env == env {
		return c.lastMachine
	}
	m := c.machines[env]
	if m == nil {
		m = &machine{
			env:       env,
			session:   slices.Repeat([]int32{none}, len(c.runs.heads)),
			byPointer: map[*monitor.Series]int32{},
			byValue:   map[monitor.Series]int32{},
		}
		c.machines[env] = m
	}
	c.lastMachine = m
	return m
}

func (c *collector) session(key sessionKey) int32 {
	if c.lastSession == key && len(c.sessions) > 0 {
		return c.lastNumber
	}
	number, ok := c.sessions[key]
	if !ok {
		number = int32(len(c.sessions))
		c.sessions[key] = number
	}
	c.lastSession, c.lastNumber = key, number
	return number
}

// row returns the number of a series. Samples of one listing share the pointer, but those of two may not.
func (m *machine) row(s *monitor.Series) int32 {
	if row, ok := m.byPointer[s]; ok {
		return row
	}
	row, ok := m.byValue[*s]
	if !ok {
		row = int32(len(m.series))
		m.byValue[*s] = row
		m.series = append(m.series, s)
		m.places = append(m.places, "")
		m.judged = append(m.judged, 0)
	}
	m.byPointer[s] = row
	return row
}

func (m *machine) keep(r record) {
	if m.count%slab == 0 {
		m.records = append(m.records, make([]record, 0, slab))
	}
	last := &m.records[len(m.records)-1]
	*last = append(*last, r)
	m.extend(&r)
	m.count++
}
