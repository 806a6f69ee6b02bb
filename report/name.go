package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// How many characters of a text from outside are shown. Names of parametrised tests can be kilobytes long.
const (
	longName  = 200 // of tests and reasons
	shortName = 80  // of branches, runs and machines
)

// show returns a text from outside as it is shown to people, in every format but JSON: [Printable], in at most max
// characters.
func show(s string, max int) string { return shorten(Printable(s), max) }

// Printable returns a text in which nothing controls a terminal, ends the line, or is a command for a CI system.
// Characters that cannot be printed (control characters, invisible ones, those that turn the direction of writing, invalid
// UTF-8) are escaped as Go does. So is the second of two number signs, since some CI systems take "##[" and "##vso["
// anywhere in the log of a job for commands.
func Printable(s string) string {
	var b strings.Builder
	for i, width, last := 0, 0, rune(0); i < len(s); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '#' && last == '#':
			b.WriteString(`\x23`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		last = r
	}
	return b.String()
}

// shorten cuts a text in the middle, since names differ at their ends: the module is in front, the parameters behind.
func shorten(s string, max int) string {
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	runes := []rune(s)
	tail := max / 3
	return string(runes[:max-tail-1]) + "…" + string(runes[len(runes)-tail:])
}

// testName returns what a test is called: file and node, "tests/test_pay.py::test_card[visa, 3]". It reads like a node
// id of pytest but is none: pytest-monitor leaves the class out and turns every "-" into ", ".
func testName(r *monitor.Result) string {
	name := nameOf(r.ItemFSLoc, r.ItemPath, variant(r))
	if r.Occurrence > 0 {
		name += fmt.Sprintf(" (%d)", r.Occurrence+1)
	}
	return show(name, longName)
}

// TestName returns what a measured test is called, in the same way.
func TestName(m *monitor.Metric) string {
	return show(nameOf(m.ItemFSLoc, m.ItemPath, m.ItemVariant), longName)
}

func nameOf(file, module, variant string) string {
	if file == "" {
		file = module
	}
	return file + "::" + variant
}

// variant returns the name of the test with its parameters.
func variant(r *monitor.Result) string {
	if r.ItemVariant == "" {
		return r.Item
	}
	return r.ItemVariant
}

// commit returns the first ten digits of a hash. A name that is no hash is returned whole.
func commit(ref string) string {
	const digits = 10
	if len(ref) > digits && isHash(ref) {
		return ref[:digits]
	}
	return show(ref, shortName)
}

// isHash says whether a commit's name is its hash, or the beginning of it.
func isHash(ref string) bool {
	return ref != "" && strings.Trim(ref, "0123456789abcdefABCDEF") == ""
}

// since returns the commits between which a test changed, as `git log` takes them: after the first, up to the second.
// It is empty where nothing is known.
func since(r *monitor.Result) string {
	switch {
	case r.FirstBad == "":
		return ""
	case r.LastGood == "":
		return commit(r.FirstBad)
	default:
		return commit(r.LastGood) + ".." + commit(r.FirstBad)
	}
}
