package monitor

import "time"

// Record is one accepted context, session, metric or outcome of a project.
type Record struct {
	Project  string
	Received time.Time // time of arrival on the bridge's clock
	Client   string    // the client's address without port; see [RunOf]

	// Exactly one of these four is set.

	Context *Context
	Session *Session
	Metric  *Metric
	Outcome *Outcome

	// Import is set for a record that no running pytest sent: it was read from a file, or from InfluxDB.
	Import *Import

	// Source is the destination that the record was read from. It is empty for a record from a client. A record with a
	// Source is not owed to it, and keeps everything that was decided when it was first accepted.
	Source Destination

	// Set by [Journal.Append].

	Seq       uint64 // number in the sequence of all accepted records, from 1
	Repeat    bool   // the record was stored before; Context or Session is the stored one
	Differs   bool   // the repeat differs from the stored record, which was not changed
	NewSeries bool   // the metric or outcome is the first of its [Series]
}

// Import says how a record is accepted that no running pytest sent. Its session is marked as imported. It is nothing new: it
// is not announced, and what is new in it is not counted. A record that is stored already stays as it is, but a session without
// an end gets the end of a placed one.
type Import struct {
	// Zone is that of the clock behind times that state none. nil is the zone of the bridge. A session that is stored
	// already has its own offset.
	Zone *time.Location
	// Placed says that another bridge has decided what acceptance decides, and that the record has it.
	Placed bool
	// Origin is what the other bridge pinned to a metric or an outcome; nil for nothing.
	Origin *Origin
}

// Placed says that the record has everything that acceptance decides.
func (r *Record) Placed() bool { return r.Source != "" || r.Import != nil && r.Import.Placed }

// Class says what a record is. The bucket of a record depends on it.
type Class string

// The classes of records.
const (
	ClassContext Class = "context"
	ClassSession Class = "session"
	ClassMetric  Class = "metric"
	ClassOutcome Class = "outcome"
)

// Class returns the class of the value that is set.
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

// Arrived returns when the record became what it is: for a session that has ended the arrival of its end.
func (r *Record) Arrived() time.Time {
	if r.Session != nil && r.Session.Ended.After(r.Received) {
		return r.Session.Ended
	}
	return r.Received
}

// Measured returns the metric or the metric of the outcome; nil for contexts and sessions.
func (r *Record) Measured() *Metric {
	if r.Outcome != nil {
		return &r.Outcome.Metric
	}
	return r.Metric
}

// Size is about how many bytes a record takes in memory, on disk or in a request. It counts the texts, which have no
// limit of their own, and a constant for the rest.
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
		add(s.SessionH, s.RunDate, s.ScmRef.String, s.Description, s.Reason)
	case r.Measured() != nil:
		m := r.Measured()
		if r.Outcome != nil {
			add(r.Outcome.NodeID)
		}
		add(m.SessionH, m.ContextH, m.ItemStartTime, m.ItemPath, m.Item, m.ItemVariant, m.ItemFSLoc, m.Kind, m.Component)
	}
	return n
}

// Origin is what the context and the session of a metric or an outcome say about it.
type Origin struct {
	Env    string // class of machine, a tag
	Run    string // a string field, like the next three
	ScmRef string
	Branch string
	Build  string
}

// Names returns the names of an origin's texts, in the order of [Origin.Texts]. Columns, fields and the tag `env` have
// these names.
func (o *Origin) Names() []string { return []string{"env", "run", "scm_ref", "branch", "build"} }

// Texts returns pointers to the texts.
func (o *Origin) Texts() []*string {
	return []*string{&o.Env, &o.Run, &o.ScmRef, &o.Branch, &o.Build}
}

// UnknownEnv is the class of machine of a metric whose context never arrived.
const UnknownEnv = "unknown"

// OriginOf returns the origin of a metric or an outcome. The context and the session are nil when they are unknown.
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

// Point is a record with everything that a destination gets.
type Point struct {
	*Record
	Origin // empty for contexts and sessions
}
