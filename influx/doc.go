// Package influx delivers records to InfluxDB v2 and reads contexts and sessions back from it.
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
// # Buckets
//
// Metrics go to one bucket, measurement [MetricMeasurement]; contexts and sessions to another, which nothing
// expires. Both are created where the token allows it: see [Writer.Ensure].
package influx
