// Command scale shows what a year of a team's tests costs: a simulated suite goes through the real bridge into a real InfluxDB, and
// into a second one as people write it who take the plugin's protocol as it is. `make scale` runs it; docs/scale.md says what came out.
//
// # How it gets a year in within minutes
//
// It posts what pytest posts, in lists, with the times that the simulation states. The journal, the courier, the judge and the tags
// then do what they do with live runs, and InfluxDB gets the points that it would have got in that year. An import would be as
// fast, and nobody judges imported runs: the dashboards of verdicts would be empty.
//
// The same seed gives the same data each time.
//
// # Where things are
//
//   - main.go has the flags, and measure.go the course of a measurement.
//   - suite.go has the tests, machines.go the machines and their clocks, calendar.go who runs what when, values.go what it takes.
//   - body.go writes what pytest posts, feed.go posts it, naive.go writes the other schema.
//   - storage.go measures InfluxDB, reads.go pages and reports, queries.go the dashboards.
//   - print.go has the tables.
package main
