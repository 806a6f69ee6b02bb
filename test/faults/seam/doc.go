// Package seam gives a test build of the program a clock that a test can set, and files that fail when a test wants it. The
// test build replaces time.Now in the program's sources, so the program itself has no line for this.
package seam
