package budget

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// reader reads the expressions of a file. It decides itself what a key means: the library's own decoder takes keys in any case,
// and does not always say in which line a value of another type is.
type reader struct {
	unstable.Parser
	file *File
	set  map[field]bool // the values that the file has

	table   []string // what the keys of an expression belong to; empty before the first table
	total   *unstable.Range
	dotted  bool // total has no table, but keys such as total.memory
	isArray bool // tests is an array, to which nothing can be added
}

// wrong is what is wrong in a file, and where.
type wrong struct {
	at      unstable.Range
	problem string
}

// read reads all expressions.
func (r *reader) read() *wrong {
	for r.NextExpression() {
		if w := r.expression(r.Expression()); w != nil {
			return w
		}
	}
	e, ok := errors.AsType[*unstable.ParserError](r.Error())
	if !ok {
		return nil
	}
	return &wrong{r.Range(e.Highlight), e.Message}
}

// expression reads the head of a table, or a key with its value.
func (r *reader) expression(e *unstable.Node) *wrong {
	if e.Kind == unstable.KeyValue {
		return r.keyValue(r.table, e)
	}
	key, at := keyOf(e)
	r.table = key
	switch {
	case len(key) > 1:
		return r.value(key, at, nil)
	case key[0] == "total" && e.Kind == unstable.Table:
		return r.openTotal(at)
	case key[0] == "tests" && e.Kind == unstable.ArrayTable && !r.isArray:
		r.openRule(at)
		return nil
	}
	return r.unexpected(key, at)
}

// keyValue reads a key with its value, in the table with a name.
func (r *reader) keyValue(table []string, e *unstable.Node) *wrong {
	own, at := keyOf(e)
	key, value := slices.Concat(table, own), e.Value()
	switch {
	case len(key) > 1 && len(table) > 0:
		return r.value(key, at, value)
	case len(key) > 1 && key[0] == "total":
		if r.total != nil && !r.dotted {
			return once(key[:1], at)
		}
		r.total, r.dotted = &at, true
		return r.value(key, at, value)
	case key[0] == "total" && value.Kind == unstable.InlineTable:
		if w := r.openTotal(at); w != nil {
			return w
		}
		return r.inline(key, value)
	case key[0] == "tests" && len(key) == 1 && value.Kind == unstable.Array && !r.isArray:
		r.isArray = true
		return r.rules(key, at, value)
	}
	return r.unexpected(key, at)
}

// inline reads the keys of an inline table.
func (r *reader) inline(table []string, value *unstable.Node) *wrong {
	for all := value.Children(); all.Next(); {
		if w := r.keyValue(table, all.Node()); w != nil {
			return w
		}
	}
	return nil
}

// rules reads an array of inline tables.
func (r *reader) rules(key []string, at unstable.Range, value *unstable.Node) *wrong {
	for all := value.Children(); all.Next(); {
		if all.Node().Kind != unstable.InlineTable {
			return r.unexpected(key, at)
		}
		r.openRule(at)
		if w := r.inline(key, all.Node()); w != nil {
			return w
		}
	}
	return nil
}

func (r *reader) openTotal(at unstable.Range) *wrong {
	if r.total != nil {
		return once([]string{"total"}, at)
	}
	r.total = &at
	return nil
}

func (r *reader) openRule(at unstable.Range) { r.file.tests = append(r.file.tests, &rule{at: at}) }

// value reads the value of a key in a table. The value is nil where the key has tables of its own.
func (r *reader) value(key []string, at unstable.Range, value *unstable.Node) *wrong {
	of := r.field(key[0], key[1])
	if of == nil {
		return r.unexpected(key[:2], at)
	}
	name := shown(key[:2])
	if r.set[of] {
		return once(key[:2], at)
	}
	r.set[of] = true
	got := "a table"
	switch {
	case value == nil || len(key) > 2 || value.Kind == unstable.InlineTable:
	case value.Kind == unstable.Array:
		got = "an array"
	case value.Kind == unstable.String && of.read(string(value.Data)):
		return nil
	default:
		got = strconv.Quote(short(string(value.Data)))
	}
	return &wrong{at, name + ": expected " + of.expected() + ", got " + got}
}

// field returns what a key of a table stands for, nil for an unknown key.
func (r *reader) field(table, key string) field {
	of := &r.file.total
	if table != "total" {
		if table != "tests" || len(r.file.tests) == 0 {
			return nil
		}
		last := r.file.tests[len(r.file.tests)-1]
		if of = &last.limits; key == "pattern" {
			return &last.pattern
		}
	}
	switch key {
	case "wall_time":
		return &of.wallTime
	case "cpu_time":
		return &of.cpuTime
	case "memory":
		return &of.memory
	}
	return nil
}

// unexpected says what may stand where a key stands.
func (r *reader) unexpected(key []string, at unstable.Range) *wrong {
	expected := allTables
	switch {
	case key[0] == "tests" && r.isArray && len(key) == 1 && len(r.table) > 0:
		return once(key, at)
	case key[0] == "total" && len(key) > 1:
		expected = limitKeys
	case key[0] == "tests" && len(key) > 1 && len(r.file.tests) > 0:
		expected = "pattern, " + limitKeys
	case key[0] == "total" || key[0] == "tests":
		return &wrong{at, fmt.Sprintf("%s: expected %s", key[0], expected)}
	}
	return &wrong{at, shown(key) + ": unknown key: expected " + expected}
}

func once(key []string, at unstable.Range) *wrong {
	return &wrong{at, shown(key) + ": expected it once"}
}

// keyOf returns the parts of a key, and where it begins.
func keyOf(e *unstable.Node) (key []string, at unstable.Range) {
	for parts := e.Key(); parts.Next(); {
		if key == nil {
			at = parts.Node().Raw
		}
		key = append(key, string(parts.Node().Data))
	}
	return key, at
}

var bare = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// shown returns a key as messages show it.
func shown(key []string) string {
	name := short(strings.Join(key, "."))
	if !bare.MatchString(name) {
		name = strconv.Quote(name)
	}
	return name
}

// short cuts what would fill a screen.
func short(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
