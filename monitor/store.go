package monitor

import (
	"context"
	"iter"
)

// Store answers questions about everything measured. It is safe for concurrent use.
//
// Every list has a fixed total order, so that pages neither overlap nor leave gaps while nothing is written, and none
// of what was there is left out while others write. Lists are read as they are consumed: an implementation holds a
// bounded part in memory, and stops its query when the consumer stops or ctx is done. The sequence ends after the
// first error. Texts match byte for byte, and names that look like syntax of a query language are names.
//
// Fails with EUnavailable where the data cannot be reached at the moment.
type Store interface {
	// Metrics lists metrics by UTC start, or as q.Top says. Those of one nanosecond, which differ in project or
	// series, are in an order of the store's own that never changes.
	Metrics(ctx context.Context, q MetricQuery, p Page) iter.Seq2[*Metric, error]
	// CountMetrics counts what Metrics lists on all pages.
	CountMetrics(ctx context.Context, q MetricQuery) (int64, error)

	// Sessions lists sessions by UTC start, then hash, then project.
	Sessions(ctx context.Context, q SessionQuery, p Page) iter.Seq2[*Session, error]
	// CountSessions counts what Sessions lists on all pages.
	CountSessions(ctx context.Context, q SessionQuery) (int64, error)

	// Contexts lists contexts by hash, then project.
	Contexts(ctx context.Context, q ContextQuery, p Page) iter.Seq2[*Context, error]
	// CountContexts counts what Contexts lists on all pages.
	CountContexts(ctx context.Context, q ContextQuery) (int64, error)

	// Names lists distinct texts in the order of their bytes.
	Names(ctx context.Context, q NameQuery, p Page) iter.Seq2[string, error]
	// CountNames counts what Names lists on all pages.
	CountNames(ctx context.Context, q NameQuery) (int64, error)

	// Runs lists runs by the UTC start of their first session, then id, then project.
	Runs(ctx context.Context, q RunQuery, p Page) iter.Seq2[*Run, error]
	// CountRuns counts what Runs lists on all pages.
	CountRuns(ctx context.Context, q RunQuery) (int64, error)
}

// Page is a part of a list.
type Page struct {
	Offset int64 // how many to leave out
	Limit  int64 // how many to list at most; 0 for all
}

// MetricQuery chooses metrics: those of a project for which every match holds.
type MetricQuery struct {
	Project string // empty for every project
	Where   []Match
	Top     *Top // nil for the order of time
}

// Top orders metrics by a measurement; those without it are left out. Equal ones are in the order of time.
type Top struct {
	Of       Measurement
	Smallest bool // least first instead of greatest first
}

// Match is a condition on one text of a metric or of its session. A metric without a session in the same project fails
// every condition on the session.
type Match struct {
	Field Field
	How   How
	Text  string
}

// Field is a text that a [Match] looks at.
type Field int

// The fields. The last three are the session's.
const (
	FieldSessionH Field = iota
	FieldContextH
	FieldItem
	FieldItemVariant
	FieldKind
	FieldComponent
	FieldScmRef
	FieldPipeline      // [TagPipelineBranch]
	FieldPipelineBuild // [TagPipelineBuild]
)

// How is the way a [Match] compares.
type How int

// The ways to compare. A null never matches.
const (
	Equals How = iota
	HasPrefix
	Contains
)

// SessionQuery chooses sessions.
type SessionQuery struct {
	Project    string // empty for every project
	HashPrefix string
	ScmRef     *Match // on FieldScmRef; nil for any
	Tags       []TagMatch
	AnyTag     bool // one of the tags suffices; without it all have to match
}

// TagMatch is a condition on a tag of a session. A tag that is null or empty is not present.
type TagMatch struct {
	Name  string
	Value string // what the tag's text has to be; empty for any that is present
}

// ContextQuery chooses contexts.
type ContextQuery struct {
	Project    string // empty for every project
	HashPrefix string
}

// Names is the kind of names that a [NameQuery] lists.
type Names int

// The kinds of names. All but components are those of sessions; null and empty ones are left out.
const (
	Components     Names = iota // of metrics, the empty one included
	Pipelines                   // [TagPipelineBranch]
	PipelineBuilds              // [TagPipelineBuild]
	SessionHashes
)

// NameQuery chooses distinct names.
type NameQuery struct {
	Project string // empty for every project
	Of      Names
	Prefix  string
	// Component narrows the names of sessions to those with a metric of exactly this component; nil for all sessions.
	Component *string
	// Pipeline and Build narrow them to sessions with exactly these tags; empty for any.
	Pipeline, Build string
	// NonEmpty leaves the empty component out.
	NonEmpty bool
}

// RunQuery chooses runs.
type RunQuery struct {
	Project string // empty for every project
	Run     string // exactly this id; empty for all
}

// Run is what a person calls one: the sessions that [RunOf] put together, and what they measured.
type Run struct {
	Project      string
	ID           string
	Sessions     []*Session // by UTC start, then hash
	Environments []string   // classes of machine of its metrics, in the order of their bytes
	Tests        int64      // metrics of [KindFunction]
	Modules      int64      // all other metrics
	TotalTime    float64    // seconds, over the tests; absent ones count as 0, as for the next two
	UserTime     float64
	KernelTime   float64
	Started      Instant // start of the first session or metric
	Ended        Instant // start + total time of the metric that ended last; Started where there is none
}
