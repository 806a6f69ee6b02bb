// Package influx delivers records and verdicts to InfluxDB v2 and answers questions from it.
//
// # Delivery
//
// [Writer] sends points with the InfluxDB client's non-blocking, batching WriteAPI. By itself that API does not say
// what became of a point: it reports no success, drops batches that InfluxDB refuses in part without an error, and
// forgets what it queued when it is flushed. The Writer therefore gives it no queue to forget (no retries of its
// own), watches its HTTP requests, and asks one question at a time: feed the points, flush, and read the status and
// the words of the answer. Whatever is not InfluxDB's plain "204 No Content" is not delivered.
//
// # Texts
//
// Line protocol cannot hold every text: a tag value has no newline, no trailing backslash and is never empty. Texts
// are therefore percent-encoded where they have to be ([EncodeText], [EncodeTag]) and stay readable elsewhere.
// Every text that a client sent, including lone surrogates and control characters, comes back byte for byte.
//
// # Reading
//
// [Store] answers questions in Flux, whose values travel beside the query and never in it. Flux gives a row for each
// field of each point, all tags in each; what whole runs measured, and which were the greatest of all measurements, is
// therefore asked for in InfluxQL, at InfluxDB's route /query of version 1, which gives a point as one row and takes a
// fifth of the work. Where that is not answered, or not for the bucket, Flux does it all.
//
// # Buckets
//
// Metrics go to one bucket, measurement [MetricMeasurement]; contexts and sessions to another, which nothing
// expires. Both are created where the token allows it: see [Writer.Ensure].
package influx
