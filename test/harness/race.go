//go:build race

package harness

// RaceEnabled says that the tests run with the race detector.
const RaceEnabled = true
