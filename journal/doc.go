// Package journal moves records: into a [monitor.Journal], and from there to a [monitor.Sink]. It does no I/O of
// its own.
//
//   - [Committer] gathers what many callers append at once into few commits.
//   - [Courier] delivers what was committed, in order, until the destination has it.
//   - [ReportCourier] does the same for reports.
//   - [RunWatcher] says a word about each run once it has ended.
//
// # What the courier promises
//
// Every record is delivered at least once or buried with the destination's words; the cursor passes it only then,
// or when it is parked. Contexts and sessions are delivered before the metrics accepted after them. A metric is
// delivered with the same origin in every attempt, across crashes, because an origin that does not follow from what
// is stored of its project is pinned in the journal first; so delivering again changes nothing at the destination.
// What is said of metrics here and below holds for outcomes too.
//
// # How it works
//
// Two goroutines, so that preparing a batch costs no delivery time:
//
//	reader ── Next ──► batcher: find origins, pin, park ──► batch ──► Courier ──► bisector ──► retrier ──► Sink
//	                                                                     └── Ack ──► Journal
//
// The reader is at most one prepared batch ahead. Batches are acknowledged in order, each in one transaction, and what
// was read but not acknowledged when the program ends is read again.
//
//   - To park a metric is to let it wait for its context or session, after the cursor has passed it.
//   - To pin an origin is to store it, so that every later delivery has the same.
//   - To bury a record is to make it a dead letter, since the destination refuses it for good.
//   - To acknowledge a batch is to store what became of it.
package journal
