// Package wire reads and writes the JSON of pytest-monitor's protocol.
//
// It has a reader of its own because Python's json module, which all clients use, sends what encoding/json cannot
// take or give back: NaN and Infinity tokens, and lone surrogates in texts (`"\udcff"`), which Python makes of bytes
// that are no UTF-8. It is otherwise as strict as RFC 8259.
//
// Decoding is generous in what clients of all versions send differently (see [DecodeContext], [DecodeSession] and
// [DecodeMetric]) and names every field that is missing or wrong. Encoding gives the shapes of the reference server.
package wire
