// Package journal moves records into a [monitor.Journal], and from there to a [monitor.Sink]. It has no I/O of its own:
// the journal and the sink do all of it.
//
//   - [Committer] gathers the records of many callers into few commits.
//   - [Courier] delivers committed records in order, until the destination has them.
//   - [ReportCourier] delivers kept reports in the same way.
//   - [RunWatcher] notices when a run has ended, and logs one line on it.
//
// # What the courier promises
//
//   - The courier delivers each record at least once, or buries it with the destination's words.
//   - The cursor passes a record only after that, or when the record is parked or set aside.
//   - The courier delivers contexts and sessions before the metrics that were accepted after them.
//   - A metric has the same origin in every attempt, also after a crash. An origin that does not follow from the stored
//     records of the metric's project is pinned in the journal before the first attempt. So a repeated delivery changes
//     nothing at the destination.
//
// In this package, the word metric means an outcome too.
//
// # How it works
//
// There are two goroutines, so that preparing a batch costs no delivery time:
//
//	reader ── Next ──► batcher: find origins, pin, park ──► Sink.Prepare ──► batch ──► Courier ──► bisector ──► retrier ──► Sink
//	                                                                                     └── Ack ──► Journal
//
// The reader is at most one prepared batch ahead. The courier acknowledges batches in order, each in one transaction.
// Records that were read but not acknowledged when the program ends are read again.
//
//   - To park a metric: the metric waits for its context or session, and the cursor passes it.
//   - To set a record aside: the destination takes others, but not this one now. It waits in the journal, with its origin
//     pinned, and is tried again in turns with others of its kind. The reader never sees it again.
//   - To pin an origin: the journal stores it, so that every later delivery uses the same origin.
//   - To bury a record: the record becomes a dead letter, because the destination refuses it for good.
//   - To acknowledge a batch: the journal stores the result of its delivery.
package journal
