// Command load shows how the bridge bears the load of many clients, with a real InfluxDB and a plain server beside it. `make load`
// runs it, for people who have to decide; docs/benchmarks.md says what it sends and what came out.
//
// # How it measures
//
// Every request is due at a time that was fixed before the load began. A client that still waits for an answer sends its next
// requests late, as a pytest does. Their latency counts from the time when they were due. Otherwise a slow server would get
// fewer requests, and its worst seconds would count least. The rows that begin a session are due when it has begun, and the end of a
// session when its last rows are answered. A reader asks nothing before there is a row.
//
// # Where things are
//
//   - main.go has the flags; plan.go says which clients there are, and how much each of them sends.
//   - process.go is one client that posts, reader.go one that reads, connection.go their HTTP, body.go what they post.
//   - tally.go keeps latencies, ledger.go what was accepted, check.go compares this with what the bridge and InfluxDB have.
//   - gauge.go says whether memory and the like are flat.
//   - peer.go compares the bridge with the plain server of the folder peer.
package main
