package web

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// column is the head of a column that a list can be sorted by.
type column struct {
	Title, Class string
	Aria         string // direction; empty for a column that the list is not sorted by
	Href         string
}

// sorter is the data of a page with a sorted list.
type sorter interface {
	sortedBy() (by string, ascending bool)
}

// column returns the head of a column. A link sorts by it, or turns the direction round.
func (f *frame) column(by, title, class string) column {
	c := column{Title: title, Class: class}
	sorted, ascending := f.Data.(sorter).sortedBy()
	downwards := by != "name" // the direction that a click begins with
	if sorted == by {
		c.Aria = map[bool]string{true: "ascending", false: "descending"}[ascending]
		downwards = ascending
	}
	dir := map[bool]string{true: "desc", false: "asc"}[downwards]
	if downwards == (by != "name") {
		dir = "" // the default of the column
	}
	c.Href = f.here("sort", by, "dir", dir, "offset", "0")
	return c
}

func (d *runPage) sortedBy() (string, bool) { return d.Sort, d.Ascending }

// field is a hidden input of a form.
type field struct{ Name, Value string }

// hidden returns the parameters of the state that a form has to keep. What a browser would not send back as it is, it sends escaped.
func (f *frame) hidden(names ...string) (some []field) {
	for _, name := range names {
		switch value := f.value(name); {
		case value == "":
		case !utf8.ValidString(value) || strings.ContainsAny(value, "\r\n\x00"):
			some = append(some, field{escaped + name, url.QueryEscape(value)})
		default:
			some = append(some, field{name, value})
		}
	}
	return some
}

// choice is one of the values of a parameter, as a link.
type choice struct {
	Name, Value, Title, Href string
	Current                  bool
}

// choice returns a value of a parameter as a link.
func (f *frame) choice(name, value, title string) choice {
	current := f.state.values.Get(name)
	if current == "" {
		current = f.state.defaults[name]
	}
	return choice{name, value, title, f.here(name, value), current == value}
}

// between returns the commits after the first one, up to the second, as `git log` takes them.
func (f *frame) between(from, to string) string {
	of := finding{}
	of.LastGood, of.FirstBad = from, to
	return f.since(&of)
}
