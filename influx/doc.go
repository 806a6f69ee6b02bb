// Package influx delivers records and reports to InfluxDB v2, and reads records back.
//
// # Delivery
//
// [Writer] sends points with the InfluxDB client's non-blocking, batching WriteAPI. By itself that API does not say
// what became of a point: it reports no success, drops batches that InfluxDB refuses in part without an error, and
// forgets what it queued when it is flushed. The Writer therefore gives it no queue to forget (no retries of its
// own), watches its HTTP requests, and asks one question at a time: it hands over the points, flushes, and reads the
// status and the words of the answer. Whatever is not InfluxDB's plain "204 No Content" is not delivered.
//
// The points of a batch are encoded and compressed before, while another batch is on its way. The client gets them as one
// record, which it passes on as it is.
//
// # Points
//
// One table says which tags and fields the points of a record have, and where the record has their values (columns in
// point.go). Lines are written from it and rows are read into it.
//
// Line protocol cannot hold every text: a tag value has no newline, no trailing backslash and is never empty. Texts
// are therefore percent-encoded where they have to be ([monitor.EncodeText], [EncodeTag]) and stay readable elsewhere.
// Every text that a client sent, including lone surrogates and control characters, comes back byte for byte.
//
// # Reading
//
// [Reader] finds contexts and sessions by their hash, and reads everything back one record after the other. An import
// after a lost file reads with it. So do the tests: they show that points hold all that was sent.
//
// It asks in InfluxQL, at InfluxDB's route /query of version 1, which answers a point as one row. Flux answers a row for
// each field with all tags in each, and takes InfluxDB five to nine times as much work. The answers come in
// MessagePack: JSON takes InfluxDB twice as much work, and CSV leaves errors out.
//
// InfluxDB's work has two parts: a row takes 15 microseconds of its CPU time, and a test that has points in a shard
// takes 70. Its memory grows with the tests and the points of all shards that a query touches, also where the query
// asks for an hour of them. So the Reader asks for a week at a time, and for some of its modules at a time.
// docs/benchmarks.md has the figures.
//
// # Buckets
//
// Metrics, outcomes and reports go to one bucket, contexts and sessions to another, which nothing expires. Both are
// created where the token allows it: see [Writer.Ensure].
package influx
