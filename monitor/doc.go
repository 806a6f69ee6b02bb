// Package monitor is the domain of pymon-bridge: what pytest-monitor sends, what identifies it, and the
// contracts between the parts that accept, keep, tag and deliver it. It imports the standard library only;
// every other package meets the rest in the types and interfaces declared here.
//
// # Values as sent
//
// [Context], [Session] and [Metric] hold what a client sent. Texts are byte strings: valid UTF-8, except that
// a lone surrogate of the JSON text (`"\udcff"`) is kept as its three-byte form (WTF-8), so that it can be given
// back unchanged. A float that a client sent as NaN or Infinity is absent, and absent is NaN.
//
// # What is decided at acceptance
//
// A [Record] is one such value together with the project it belongs to. [Journal.Append] decides once, and keeps,
// everything that later output depends on: the instant in UTC ([Instant]), the run of a session, the class of
// machine of a context ([Environment]). Delivering again therefore produces the same bytes again.
package monitor
