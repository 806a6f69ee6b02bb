// Package setup prepares an InfluxDB for the bridge: buckets, tokens that allow no more than is needed, the check that
// turns verdicts into statuses, rules that tell people of them, and tasks.
//
// It can be repeated: what is as it should be stays untouched, what differs from the settings is changed in place, and
// nothing is ever deleted. Names say to which bucket of metrics something belongs, and the description of everything
// that it made begins with [Mark]; what somebody else made under such a name is left alone, with an error.
//
// # Statuses
//
// A verdict is a point of measurement "regressions" at the time of its run's start, written minutes or days later, and
// written again when it changes. InfluxDB does not know when a point was written. The check therefore compares all
// verdicts of a window with the statuses that it has written for them, each time, and writes those that are missing.
// InfluxDB forgets statuses after seven days, so the window has to be shorter.
package setup
