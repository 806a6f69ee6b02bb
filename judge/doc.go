// Package judge finds what a run is to be compared with, has it judged, and keeps what came out.
//
// A [Judge] answers a question: it chooses the lineage of a run, reads what its runs measured and asks the detector.
// A [Worker] has every run judged that has gone quiet, and keeps the report. The package does no I/O of its own and
// knows no statistics: both are behind the interfaces of package monitor.
package judge
