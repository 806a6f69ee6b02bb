package report

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// cell is a text in a table for a terminal.
type cell struct{ text, colour string }

// textTable is a table for a terminal. The last column takes what is left of a line, and is cut there.
type textTable struct {
	textWriter
	columns []column
	rows    [][]cell
	begins  bool // of the last column the beginning counts, not the end too
}

// column says how a column is written. The first one and numbers are never cut.
type column struct {
	number bool // it stands at the right
	whole  bool // it is never cut either
}

func newTable(s Screen, heads ...string) *textTable {
	t := &textTable{textWriter: textWriter{Buffer: &bytes.Buffer{}, colour: s.Colour, width: s.Width}, columns: make([]column, len(heads))}
	var row []cell
	for _, head := range heads {
		row = append(row, cell{head, faint})
	}
	t.rows = append(t.rows, row)
	return t
}

func (t *textTable) add(row ...cell) { t.rows = append(t.rows, row) }

// least is how many columns of the terminal a text gets, where it has more.
const least = 8

// dropEmpty leaves out the columns, but for the first one, that say nothing in any row.
func (t *textTable) dropEmpty() {
	for i := len(t.rows[0]) - 1; i > 0 && len(t.rows) > 1; i-- {
		if slices.ContainsFunc(t.rows[1:], func(row []cell) bool { return row[i].text != "" && row[i].text != unknown }) {
			continue
		}
		for at := range t.rows {
			t.rows[at] = slices.Delete(t.rows[at], i, i+1)
		}
		t.columns = slices.Delete(t.columns, i, i+1)
	}
}

func (t *textTable) write(w io.Writer) error {
	t.dropEmpty()
	widths := t.widths()
	last := len(widths) - 1
	for _, row := range t.rows {
		for i, width := range widths {
			text := cut(row[i].text, width, i < len(row)-1 || t.begins)
			switch padded := strings.Repeat(" ", max(0, width-uniseg.StringWidth(text))); {
			case t.columns[i].number:
				text = padded + text
			case i < last:
				text += padded
			}
			t.paint(row[i].colour, text)
			if i < last {
				t.WriteString("  ")
			}
		}
		t.WriteByte('\n')
	}
	_, err := t.WriteTo(w)
	return err
}

// widths returns the widths of the columns of the table that there is room for. Texts get less first, the last column before the
// others; the first column and numbers do not. Where that is not enough, columns at the end are left out.
func (t *textTable) widths() []int {
	natural := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i := range natural {
			natural[i] = max(natural[i], uniseg.StringWidth(row[i].text))
		}
	}
	if t.width <= 0 {
		return natural
	}
	for n := len(natural); ; n-- {
		widths := slices.Clone(natural[:n])
		over := sum(widths) + 2*(n-1) - t.width
		for over > 0 {
			widest, uncut := n-1, func(i int) bool { return i == 0 || t.columns[i].number || t.columns[i].whole }
			if uncut(widest) || widths[widest] <= least {
				for i := 1; i < n; i++ {
					if !uncut(i) && (uncut(widest) || widths[i] > widths[widest]) {
						widest = i
					}
				}
			}
			if uncut(widest) || widths[widest] <= least {
				break
			}
			widths[widest]--
			over--
		}
		if over <= 0 || n == 1 {
			return widths
		}
	}
}

// cut cuts a text to some columns of a terminal, at its end or in the middle: see [shorten].
func cut(text string, width int, end bool) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	for n := utf8.RuneCountInString(text); n > 1; n-- {
		short := shorten(text, n-1)
		if end {
			short = string([]rune(text)[:n-2]) + "…"
		}
		if uniseg.StringWidth(short) <= width {
			return short
		}
	}
	return "…"
}

func sum(all []int) (n int) {
	for _, one := range all {
		n += one
	}
	return n
}
