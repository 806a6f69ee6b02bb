// Package report writes what became of a run's tests ([monitor.Report]) in the formats that people and CI systems
// read, and decides whether a pipeline should fail on it.
//
// Names of tests, branches and machines come from outside. No format lets them act on whoever reads it: what cannot be
// printed is shown as an escape such as \x1b or \u202e, and what the format gives a meaning to is escaped in the
// format's own way. JSON keeps every text exactly, apart from bytes that are not UTF-8.
package report
