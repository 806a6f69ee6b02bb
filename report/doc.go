// Package report writes a [monitor.Report] in the formats that people and CI systems read, and decides whether a pipeline
// should fail on it.
//
// Names of tests, branches and machines come from outside. No format lets them act on a terminal, a browser or a CI system:
// characters that cannot be printed are shown as an escape such as \x1b or \u202e, and characters that mean something in
// the format are escaped in the format's own way. JSON keeps every text exactly, apart from bytes that are not UTF-8.
package report
