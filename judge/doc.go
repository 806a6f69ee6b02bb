// Package judge finds what a run is to be compared with, has it judged, and keeps the report.
//
// A [Judge] answers a question: it chooses the runs to compare with, reads what they measured and asks the detector. A
// [Worker] judges every run that has ended, and keeps the report. An [Accepter] stores which regressions are accepted. [Older]
// adds imported runs to the history in which [Drift] finds slow growth. The package does no I/O of its own and knows no
// statistics: both are behind the interfaces of package monitor.
package judge
