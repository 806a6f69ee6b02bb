// Package monitor is the domain of pymon-bridge. It has the types of what pytest sends, the rules that identify them,
// and the interfaces between the parts of the program that accept, keep, deliver and judge records. The comments
// of the interfaces are their contracts. The package imports the standard library only. The other packages know each
// other through its types and interfaces.
//
// # Values as sent
//
// [Context], [Session], [Metric] and [Outcome] have the values that a client sent. Texts are bytes in valid UTF-8, with
// one exception: a lone surrogate of the JSON text (`"\udcff"`) is kept in its three-byte form (WTF-8). So the bridge
// can return it unchanged. A float that a client sent as NaN or Infinity is absent. An absent float is NaN.
//
// # Decisions at acceptance
//
// A [Record] is one such value with its project. [Journal.Append] decides once what later output depends on, and keeps
// it: the instant in UTC ([Instant]), the run of a session ([RunOf]) and the class of machine of a context
// ([Environment]). So every delivery of a record has the same bytes.
package monitor
