package harness

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// PrintTable writes rows of cells, the first one as the head.
func PrintTable(out io.Writer, rows [][]string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for n, row := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
		if n == 0 {
			_, _ = fmt.Fprintln(w, strings.Repeat("---\t", len(row)-1)+"---")
		}
	}
	_ = w.Flush() // a failure shows in what is printed
}
