package monitor

import "time"

// Record is one accepted context, session, metric or outcome of a project.
type Record struct {
	Project  string
	Received time.Time // when it arrived, by the bridge's clock
	Client   string    // the client's address without port, which groups the sessions of one run

	// Exactly one of these is set.

	Context *Context
	Session *Session
	Metric  *Metric
	Outcome *Outcome

	// Source is the destination that the record was read from, "" for a record that a client sent. A record that has one
	// is kept as it is, with everything that was fixed when it was first accepted, and is not owed to that destination.
	Source Destination

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
	ClassOutcome Class = "outcome"
)

// Class returns which of the four is set.
func (r *Record) Class() Class {
	switch {
	case r.Context != nil:
		return ClassContext
	case r.Session != nil:
		return ClassSession
	case r.Outcome != nil:
		return ClassOutcome
	default:
		return ClassMetric
	}
}

// Measured returns the metric, or what an outcome has of one; nil for contexts and sessions.
func (r *Record) Measured() *Metric {
	if r.Outcome != nil {
		return &r.Outcome.Metric
	}
	return r.Metric
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
	case r.Measured() != nil:
		m := r.Measured()
		if r.Outcome != nil {
			add(r.Outcome.NodeID)
		}
		add(m.SessionH, m.ContextH, m.ItemStartTime, m.ItemPath, m.Item, m.ItemVariant, m.ItemFSLoc, m.Kind, m.Component)
	}
	return n
}

// Origin is where a metric or an outcome comes from, as its context and session tell.
type Origin struct {
	Env    string // class of machine, a tag
	Run    string // the rest are string fields
	ScmRef string
	Branch string
	Build  string
}

// Names returns the names of an origin's texts, and Texts where they are, in the same order. They are the names of
// columns and of fields; the first one is that of a tag.
func (o *Origin) Names() []string { return []string{"env", "run", "scm_ref", "branch", "build"} }

// Texts returns where the texts are that [Origin.Names] names.
func (o *Origin) Texts() []*string {
	return []*string{&o.Env, &o.Run, &o.ScmRef, &o.Branch, &o.Build}
}

// UnknownEnv is the class of machine of a metric whose context never arrived.
const UnknownEnv = "unknown"

// OriginOf combines what is known of the context and the session of a metric or an outcome; either may be nil.
func OriginOf(sessionH string, c *Context, s *Session) Origin {
	if s == nil {
		s = &Session{Run: sessionH}
	}
	o := Origin{Env: UnknownEnv, Run: s.Run, ScmRef: s.ScmRef.String, Branch: s.Branch, Build: s.Build}
	if c != nil {
		o.Env = MachineClass(c, s)
	}
	return o
}

// Point is a record with everything its destination is told about it.
type Point struct {
	*Record
	Origin // of a metric or an outcome; empty otherwise
}
