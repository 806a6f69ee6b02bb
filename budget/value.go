package budget

import (
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// field is a value of a file.
type field interface {
	read(text string) bool // false where the text is not what is expected
	expected() string
}

// duration is a time in seconds.
type duration float64

func (*duration) expected() string {
	return `a time above 0 with its unit, such as "500ms", "1.5s" or "10m"`
}

func (d *duration) read(text string) bool {
	parsed, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	*d = duration(parsed.Seconds())
	return err == nil && parsed > 0
}

// size is a size in MiB.
type size float64

// units are the units of a size, in MiB.
var units = map[string]float64{"kib": 1 / 1024., "mib": 1, "gib": 1024, "kb": 1e3 / (1 << 20), "mb": 1e6 / (1 << 20), "gb": 1e9 / (1 << 20)}

var number = regexp.MustCompile(`^[0-9.]+`)

func (*size) expected() string { return `a size above 0 with its unit, such as "50MiB" or "1.5GiB"` }

func (s *size) read(text string) bool {
	amount := number.FindString(text)
	value, err := strconv.ParseFloat(amount, 64)
	unit, known := units[strings.ToLower(strings.TrimSpace(text[len(amount):]))]
	*s = size(value * unit)
	return err == nil && known && *s >= 1./(1<<20) && !math.IsInf(float64(*s), 0) // at least a byte
}

// pattern chooses tests: see [matcher].
type pattern string

func (*pattern) expected() string {
	return `a path or a node id, such as "tests/unit" or "*::test_big*"`
}

func (p *pattern) read(text string) bool {
	*p = pattern(text)
	return strings.TrimSpace(text) != ""
}

// matcher says which tests a pattern chooses: those that pytest would run for it as an argument. An asterisk stands for any
// text, also of several folders, and a question mark for one character. All else stands for itself, brackets too.
type matcher struct{ whole *regexp.Regexp }

func newMatcher(pattern string) matcher {
	file, inside := parts(strings.TrimSpace(pattern))
	if file = path.Clean(file); file == "." {
		file = "*"
	}
	quoted := regexp.QuoteMeta(file + strings.TrimSuffix(inside, "::"))
	quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, ".*"), `\?`, ".")
	return matcher{regexp.MustCompile(`(?s)^` + quoted + `(?:$|/|::|\[)`)}
}

func (m matcher) matches(test string) bool {
	file, inside := parts(test)
	return m.whole.MatchString(file + inside)
}

// parts returns the file of a node id with slashes, as pytest on Windows takes both kinds, and the rest with its colons.
func parts(id string) (file, inside string) {
	file, _, _ = strings.Cut(id, "::")
	return strings.ReplaceAll(file, `\`, "/"), id[len(file):]
}
