// Package journal moves records: into a [monitor.Journal], and from there to a [monitor.Sink]. It does no I/O of
// its own.
//
//   - [Committer] gathers what many callers append at once into few commits.
//   - [Courier] delivers what was committed, in order, until the destination has it.
//   - [RunWatcher] says a word about each run once it is over.
//
// # What the courier promises
//
// Every record is delivered at least once or buried with the destination's words; the cursor passes it only then,
// or when it is parked. Contexts and sessions are delivered before the metrics accepted after them. A metric is
// delivered with the same origin in every attempt, across crashes, because an origin that does not follow from what
// is stored of its project is noted in the journal first; so delivering again changes nothing at the destination.
//
// # How it works
//
// Two goroutines, so that preparing a batch costs no delivery time:
//
//	reader:    Next, find origins, park or Note ──► batch ──► deliverer: Deliver, halve, bury, Settle
//
// The reader is at most one prepared batch ahead. Batches are settled in order, each in one transaction, and what
// was read but not settled when the program ends is read again.
package journal
