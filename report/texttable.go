package report

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// cell is a text in a table for a terminal.
type cell struct{ text, colour string }

// textTable is a table for a terminal. The last column takes what is left of a line, and is cut there.
type textTable struct {
	textWriter
	width int
	rows  [][]cell
	// right has the columns of numbers. begins says that of the last column the beginning counts, not the end too.
	right  map[int]bool
	begins bool
}

func newTable(s Screen, heads ...string) *textTable {
	t := &textTable{textWriter: textWriter{Buffer: &bytes.Buffer{}, colour: s.Colour}, width: s.Width, right: map[int]bool{}}
	var row []cell
	for _, head := range heads {
		row = append(row, cell{head, faint})
	}
	t.rows = append(t.rows, row)
	return t
}

func (t *textTable) add(row ...cell) { t.rows = append(t.rows, row) }

func (t *textTable) write(w io.Writer) error {
	last := len(t.rows[0]) - 1
	widths := make([]int, last)
	for _, row := range t.rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	room := 0
	if t.width > 0 {
		const least = 8
		room = max(least, t.width-sum(widths)-2*last)
	}
	for _, row := range t.rows {
		for i, width := range widths {
			text := right(row[i].text, width)
			if t.right[i] {
				text = left(row[i].text, width)
			}
			t.paint(row[i].colour, text)
			t.WriteString("  ")
		}
		text := row[last].text
		if room > 0 && utf8.RuneCountInString(text) > room {
			if text = shorten(text, room); t.begins {
				text = string([]rune(row[last].text)[:room-1]) + "…"
			}
		}
		t.paint(row[last].colour, text)
		t.WriteByte('\n')
	}
	_, err := t.WriteTo(w)
	return err
}

func sum(all []int) (n int) {
	for _, one := range all {
		n += one
	}
	return n
}
