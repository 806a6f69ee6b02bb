package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// lastResults is a report with the results at its end, where readers find them.
type lastResults struct {
	*monitor.Report
	Results []monitor.Result `json:"results"`
}

// writeJSON writes the report in the shape of `GET /api/v1/regressions`. Empty lists are lists, and not null.
func writeJSON(b *bytes.Buffer, r *monitor.Report, o Options) error {
	c := *r
	c.Sessions, c.Runs, c.Branches = list(r.Sessions), list(r.Runs), list(r.Branches)
	c.LeftOut = list(r.LeftOut)
	for i := range c.LeftOut {
		l := &c.LeftOut[i]
		l.Runs, l.Branches, l.Environments = list(l.Runs), list(l.Branches), list(l.Environments)
	}
	c.Suite.Offset = ratios(r.Suite.Offset)
	c.Suite.Machines = make([]monitor.Machine, len(r.Suite.Machines))
	for i, m := range r.Suite.Machines {
		m.Offset, m.TotalTime, m.CPUTime = ratios(m.Offset), finite(m.TotalTime), finite(m.CPUTime)
		c.Suite.Machines[i] = m
	}
	links := newLinks(r, o)
	c.Page = links.run()
	results := []monitor.Result{} // mostly a few of many
	for i := range r.Results {
		result := &r.Results[i]
		if (o.All || shown(result.Status)) && (o.ItemVariant == "" || o.ItemVariant == result.ItemVariant) {
			results = append(results, *result)
			results[len(results)-1].Page = links.testPage(result)
		}
	}
	text, err := json.MarshalIndent(lastResults{&c, results}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report as JSON: %w", err)
	}
	escapeUnprintable(b, text)
	b.WriteByte('\n')
	return nil
}

// escapeUnprintable copies JSON and escapes everything that acts on a terminal. The meaning stays the same. The encoder
// escapes only what JSON demands, and not DEL, the C1 controls, or characters that turn the direction of writing.
func escapeUnprintable(b *bytes.Buffer, text []byte) {
	b.Grow(len(text) + 1)
	copied := 0
	for i, width := 0, 1; i < len(text); i += width {
		if c := text[i]; ' ' <= c && c <= '~' || c == '\n' { // nearly all of it
			width = 1
			continue
		}
		var r rune
		if r, width = utf8.DecodeRune(text[i:]); unicode.IsPrint(r) {
			continue
		}
		b.Write(text[copied:i])
		copied = i + width
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(b, `\u%04x`, unit)
		}
	}
	b.Write(text[copied:])
}

// list returns a copy that is a list in JSON even if it is empty.
func list[T any](all []T) []T { return append([]T{}, all...) }

// ratios returns a map that is an object in JSON even if it is empty.
func ratios(by map[string]monitor.Number) map[string]monitor.Number {
	if by == nil {
		return map[string]monitor.Number{}
	}
	return by
}

// finite returns 0 for a float that JSON cannot hold.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
