package monitor

import (
	"maps"
	"regexp"
	"slices"
)

// varying matches what differs between equal refusals: times, durations, other numbers, and identifiers.
var varying = regexp.MustCompile(`[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*|(?:[0-9]+(?:[.:,-][0-9]+)*(?:ns|us|µs|ms|s|m|h)?)+`)

// Wording returns a destination's words without what differs between equal refusals.
func Wording(words string) string { return varying.ReplaceAllString(words, "") }

// mostReasons bounds how many words Reasons has, beside those for others.
const mostReasons = 8

// Reasons counts refusals by an example of their words.
type Reasons map[string]int64

// Plus returns a count with n more refusals in some words. Those of a known wording count with its example. What would be
// too many counts as "other words".
func (r Reasons) Plus(words string, n int64) Reasons {
	sum := maps.Clone(r)
	if sum == nil {
		sum = Reasons{}
	}
	wording := Wording(words)
	for _, example := range slices.Sorted(maps.Keys(sum)) {
		if Wording(example) == wording {
			sum[example] += n
			return sum
		}
	}
	if len(sum) >= mostReasons {
		words = "other words"
	}
	sum[words] += n
	return sum
}
