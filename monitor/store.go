package monitor

import (
	"context"
	"iter"
)

// Store answers questions about all stored records. It is safe for concurrent use.
//
// Every list has a fixed total order. So pages neither overlap nor leave gaps while nothing is written. While others
// write, a list leaves out no item that was there before. A list is read while it is consumed. An implementation holds
// a bounded part of it in memory, and stops its query when the consumer stops or ctx is done. A list ends after its
// first error. Texts are compared byte for byte. A name that looks like the syntax of a query language is only a name.
//
// The methods fail with EUnavailable while the data cannot be reached.
type Store interface {
	// Metrics lists metrics by UTC start, or in the order of q.Top. Metrics of one nanosecond differ in project or
	// series. Each store has an order for them, which never changes.
	Metrics(ctx context.Context, q MetricQuery, p Page) iter.Seq2[*Metric, error]
	// CountMetrics counts what Metrics lists on all pages.
	CountMetrics(ctx context.Context, q MetricQuery) (int64, error)

	// Outcomes lists outcomes by UTC start. Outcomes of one nanosecond differ in project or series, and have an order that
	// never changes.
	Outcomes(ctx context.Context, q OutcomeQuery, p Page) iter.Seq2[*Outcome, error]
	// CountOutcomes counts what Outcomes lists on all pages.
	CountOutcomes(ctx context.Context, q OutcomeQuery) (int64, error)

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

	// FlakyTests lists flaky tests. The test that showed it last comes first.
	FlakyTests(ctx context.Context, q FlakyQuery, p Page) iter.Seq2[*FlakyTest, error]
	// CountFlakyTests counts what FlakyTests lists on all pages.
	CountFlakyTests(ctx context.Context, q FlakyQuery) (int64, error)
}

// Page is a part of a list.
type Page struct {
	Offset int64 // number of items to leave out
	Limit  int64 // maximum number of items; 0 for all
	// Total, if it is set, gets the number of items on all pages before the first item comes, from a list that knows it
	// without another search.
	Total *int64
}

// MetricQuery chooses the metrics of a project for which every match holds.
type MetricQuery struct {
	Project string // empty for every project
	Where   []Match
	Top     *Top // nil for the order of time
}

// OutcomeQuery chooses the outcomes of a project for which every match holds.
type OutcomeQuery struct {
	Project string // empty for every project
	Where   []Match
}

// Top orders metrics by a measurement. It leaves out metrics without the measurement. Metrics with equal measurements
// are in the order of time.
type Top struct {
	Of       Measurement
	Smallest bool // the least comes first, not the greatest
}

// Match is a condition on one text of a metric or an outcome, or of its session. A condition on the session does not hold
// for a metric or an outcome whose session is unknown in its project.
type Match struct {
	Field Field
	How   How
	Text  string
}

// Field is the text that a [Match] compares.
type Field int

// The fields. The last four are texts of the session.
const (
	FieldSessionH Field = iota
	FieldContextH
	FieldItem
	FieldItemVariant
	FieldKind
	FieldComponent
	FieldOutcome // [Outcome.Outcome]; of outcomes only, since no metric has it
	FieldScmRef
	FieldRun
	FieldPipeline      // [TagPipelineBranch]
	FieldPipelineBuild // [TagPipelineBuild]
)

// How says how a [Match] compares.
type How int

// The ways to compare. Null never matches.
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
	AnyTag     bool // one tag has to match, not all
}

// TagMatch is a condition on a tag of a session. A tag that is null or empty counts as missing.
type TagMatch struct {
	Name  string
	Value string // exact text of the tag; empty for any text
}

// ContextQuery chooses contexts.
type ContextQuery struct {
	Project    string // empty for every project
	HashPrefix string
}

// Names is the kind of names that a [NameQuery] lists.
type Names int

// The kinds of names. Components are names of metrics, and the other kinds are names of sessions. Null and empty names
// of sessions are left out.
const (
	Components     Names = iota // the empty component, too
	Pipelines                   // [TagPipelineBranch]
	PipelineBuilds              // [TagPipelineBuild]
	SessionHashes
	Projects // of the sessions
)

// NameQuery chooses distinct names.
type NameQuery struct {
	Project string // empty for every project
	Of      Names
	Prefix  string
	// Component chooses the sessions with a metric of exactly this component; nil for all sessions.
	Component *string
	// Pipeline and Build choose the sessions with exactly these tags; empty for any.
	Pipeline, Build string
	// NonEmpty leaves the empty component out.
	NonEmpty bool
}

// RunQuery chooses runs.
type RunQuery struct {
	Project string // empty for every project
	Run     string // exact id; empty for all
}

// Run has the sessions that [RunOf] put together, and sums over their metrics.
type Run struct {
	Project      string
	ID           string
	Sessions     []*Session // by UTC start, then hash
	Environments []string   // classes of machine of its metrics, in the order of their bytes
	Tests        int64      // metrics of [KindFunction]
	Modules      int64      // all other metrics
	TotalTime    float64    // sum over the tests, in seconds, like the next two; absent values count as 0
	UserTime     float64
	KernelTime   float64
	Outcomes     map[string]int64 // number of tests by one of [Outcomes]; nil when the clients sent none, as pytest-monitor does
	Started      Instant          // start of the first session
	Report       *Brief           // what its kept report says; nil where there is none
	Ended        Instant          // start + total time of the metric that ended last; Started without metrics
}
