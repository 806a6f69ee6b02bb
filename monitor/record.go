package monitor

import "time"

// Record is one accepted request: a context, a session or a metric of a project.
type Record struct {
	Project  string
	Received time.Time // when it arrived, by the bridge's clock
	Client   string    // the client's address without port, which groups the sessions of one run

	// Exactly one of these is set.

	Context *Context
	Session *Session
	Metric  *Metric

	// Fetched marks a context or session that came from InfluxDB instead of a client: it is kept as it is, with
	// everything fixed at its acceptance, and never delivered again.
	Fetched bool

	// Set by [Journal.Append].

	Seq    uint64 // position in the one sequence of all accepted records, from 1
	Repeat bool   // it was there already; Context or Session then is what was there
	// Differs says that a repeated context or session had another content, which was not taken.
	Differs bool
	// NewSeries says that a metric is the first of its [Series].
	NewSeries bool
}

// Class tells what a record is, and so which bucket it goes to.
type Class string

// The classes of records.
const (
	ClassContext Class = "context"
	ClassSession Class = "session"
	ClassMetric  Class = "metric"
)

// Class returns which of the three is set.
func (r *Record) Class() Class {
	switch {
	case r.Context != nil:
		return ClassContext
	case r.Session != nil:
		return ClassSession
	default:
		return ClassMetric
	}
}

// Size is about what a record takes in memory, on disk and on its way, in bytes: its texts, which have no limit of
// their own, and a constant for the rest.
func (r *Record) Size() int {
	n := 200 + len(r.Project)
	add := func(texts ...string) {
		for _, s := range texts {
			n += len(s)
		}
	}
	switch {
	case r.Context != nil:
		c := r.Context
		add(c.H, c.CPUType, c.CPUVendor.String, c.MachineNode, c.MachineType, c.MachineArch, c.SystemInfo, c.PythonInfo)
	case r.Session != nil:
		s := r.Session
		add(s.SessionH, s.RunDate, s.ScmRef.String, s.Description)
	case r.Metric != nil:
		m := r.Metric
		add(m.SessionH, m.ContextH, m.ItemStartTime, m.ItemPath, m.Item, m.ItemVariant, m.ItemFSLoc, m.Kind, m.Component)
	}
	return n
}

// Origin is where a metric comes from, as its context and session tell.
type Origin struct {
	Env    string // class of machine, a tag
	Run    string // the rest are string fields
	ScmRef string
	Branch string
	Build  string
}

// UnknownEnv is the class of machine of a metric whose context never arrived.
const UnknownEnv = "unknown"

// OriginOf combines what is known of a metric's context and session; either may be nil.
func OriginOf(m *Metric, c *Context, s *Session) Origin {
	o := Origin{Env: UnknownEnv, Run: m.SessionH}
	machine := ""
	if s != nil {
		o.Run, o.ScmRef, o.Branch, o.Build = s.Run, s.ScmRef.String, s.Branch, s.Build
		machine = s.Machine
	}
	if c != nil {
		o.Env = c.Env
		if machine != "" {
			o.Env = NamedEnvironment(machine, c)
		}
	}
	return o
}

// Point is a record with everything its destination is told about it.
type Point struct {
	*Record
	Origin // of a metric; empty otherwise
}
