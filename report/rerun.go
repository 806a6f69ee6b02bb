package report

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

const (
	// maxTerms is how many tests an expression selects. pytest tries every term on every test that it collects.
	maxTerms = 250
	// maxWords is how many words tell a test from its siblings.
	maxWords = 6
)

// Rerun returns the lines of a file that makes pytest run the regressions and suspects once more, as `pytest @FILE`
// from its root directory (pytest 8.2 or newer; each line is one argument). It is nil where there is nothing to run
// again; an empty file would make pytest run everything.
//
// A test cannot be named exactly, since pytest-monitor leaves out the class and turns every "-" of a name into ", ".
// So the lines are the files and `-k` with an expression that matches each test by the words of its name. A few other tests
// may match too, and run along. With too many tests for an expression their files run whole, and so do the files of
// modules. pytest would fail on a file that it does not find. If a file may be missing, or is not the test's own (such as a
// base class's), the expression alone selects, from all tests.
func Rerun(r *monitor.Report) []string {
	tests := again(r)
	files, all := testFiles(tests)
	terms := termsOf(tests, func(t *monitor.Result) string { return term(t.Item, variant(t)) })
	if len(terms) > maxTerms {
		terms = termsOf(tests, func(t *monitor.Result) string { return term(t.Item, t.Item) })
	}
	switch {
	case all && (len(terms) > maxTerms || slices.Contains(terms, "") || slices.ContainsFunc(tests, isModule)):
		return files
	case all && len(terms) > 0:
		return append(files, "-k", anyOf(terms))
	}
	terms = slices.DeleteFunc(terms, func(t string) bool { return t == "" })
	if len(terms) == 0 {
		return nil
	}
	return []string{"-k", anyOf(terms[:min(maxTerms, len(terms))])}
}

// again returns the results that a further run would confirm or clear.
func again(r *monitor.Report) (tests []*monitor.Result) {
	for i := range r.Results {
		if s := r.Results[i].Status; s == monitor.StatusRegression || s == monitor.StatusSuspect {
			tests = append(tests, &r.Results[i])
		}
	}
	return tests
}

// isModule says whether a result is of a whole module.
func isModule(t *monitor.Result) bool { return t.Kind != "" && t.Kind != monitor.KindFunction }

// testFiles returns the files of tests in alphabetical order, each once. all is false if one of them is not usable.
func testFiles(tests []*monitor.Result) (files []string, all bool) {
	for _, t := range tests {
		module := t.ItemPath
		if isModule(t) {
			module = path.Base(t.Item)
		}
		file, ok := testFile(t.ItemFSLoc, module)
		if !ok {
			return nil, false
		}
		files = append(files, file)
	}
	slices.Sort(files)
	return slices.Compact(files), true
}

var drive = regexp.MustCompile(`^[A-Za-z]:`)

// testFile returns a file as an argument of pytest. It is usable if pytest finds it from its root directory, takes it
// for a path as a whole, and if the test's module has its name. Where the function comes from elsewhere, such as a base
// class, pytest-monitor names the file of that instead.
func testFile(location, module string) (file string, ok bool) {
	name := module[strings.LastIndexByte(module, '.')+1:]
	if stem(location) != name {
		location = strings.ReplaceAll(location, `\`, "/") // as Windows writes it
	}
	switch {
	case name == "" || stem(location) != name,
		!printable(location),
		path.IsAbs(location) || drive.MatchString(location) || slices.Contains(strings.Split(location, "/"), ".."),
		strings.Contains(location, "::") || strings.Contains(location, "["):
		return "", false
	case location[0] == '-' || location[0] == '@':
		return "./" + location, true
	default:
		return location, true
	}
}

// stem returns the name of a Python file without its folders and ".py", or "" for another file.
func stem(location string) string {
	name, ok := strings.CutSuffix(path.Base(location), ".py")
	if !ok {
		return ""
	}
	return name
}

// printable says whether a text is one line and pytest reads it as it is here.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// termsOf returns the terms of tests, each once, in the order of the tests, which has the worst first.
func termsOf(tests []*monitor.Result, of func(*monitor.Result) string) (terms []string) {
	seen := map[string]bool{}
	for _, t := range tests {
		if one := of(t); !seen[one] {
			seen[one] = true
			terms = append(terms, one)
		}
	}
	return terms
}

// term returns an expression for `-k` that a node name matches: all its words are in the name. Words are made of characters
// that every pytest since 6.0 takes and that the plugin does not change. Behind the function's own name they are ASCII only,
// since it depends on the version of Python which other characters are letters. The term is "" for a name without words.
func term(function, name string) string {
	own := 0
	if strings.HasPrefix(name, function) {
		own = len(function)
	}
	words := strings.FieldsFunc(ownThenASCII(name, own), func(r rune) bool {
		return r != '_' && r != '.' && r != '[' && r != ']' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	words = slices.DeleteFunc(words, func(w string) bool {
		return strings.Trim(w, "._[]") == "" || w == "and" || w == "or" || w == "not"
	})
	words = slices.Compact(words)
	words = words[:min(maxWords, len(words))]
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return "(" + strings.Join(words, " and ") + ")"
}

// ownThenASCII returns name with a space for every character behind the first own bytes that is not ASCII.
func ownThenASCII(name string, own int) string {
	return name[:own] + strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return ' '
		}
		return r
	}, name[own:])
}

// anyOf joins terms by "or", nested like a tree. In a flat chain each "or" is a level of pytest's syntax tree, and Python
// refuses a tree that is too deep.
func anyOf(terms []string) string {
	const few = 16
	if len(terms) <= few {
		return strings.Join(terms, " or ")
	}
	half := len(terms) / 2
	return "(" + anyOf(terms[:half]) + ") or (" + anyOf(terms[half:]) + ")"
}
