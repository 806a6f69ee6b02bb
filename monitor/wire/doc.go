// Package wire reads and writes the JSON of pytest-monitor's protocol.
//
// It has a reader of its own, since all clients use Python's json module, which sends JSON that encoding/json cannot
// read or return: the tokens NaN and Infinity, and lone surrogates in texts (`"\udcff"`). Python makes lone surrogates
// from bytes that are not UTF-8. In everything else the reader is as strict as RFC 8259.
//
// Decoding accepts what clients of all versions send: see [DecodeContext], [DecodeSession], [DecodeMetric] and
// [DecodeOutcome]. Its errors name every field that is missing or wrong. Encoding gives the same JSON as the reference server.
package wire
