package report

import (
	"math"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// graphRows is the height of a graph in lines.
const graphRows = 6

// curve is the values of a metric over runs.
type curve struct {
	metric string
	values []float64
	// usual and limit bound the band; NaN where they are not known.
	usual, limit monitor.Number
	// verdict is shown from the value with the index since on.
	verdict verdict
	since   int
}

// graph draws a curve, with the band in the background. Where there are more values than columns, a column has the greatest of its
// values.
func (t textWriter) graph(c curve, columns int) {
	values, since := thinned(c.values, columns), c.since*min(columns, len(c.values))/len(c.values)
	top := slices.Max(values)
	if known(c.limit) {
		top = max(top, min(float64(c.limit), 3*top)) // what is usual for a fast test may be far above it
	}
	if top <= 0 {
		return
	}
	row := func(v float64) int { return int(math.Round(min(1, max(0, v/top)) * (graphRows - 1))) }
	for at := graphRows - 1; at >= 0; at-- {
		label := ""
		if at == graphRows-1 {
			label = amount(c.metric, monitor.Number(top))
		} else if at == 0 {
			label = "0"
		}
		t.WriteString(padLeft(label, 12) + " ")
		t.paint(faint, "┤")
		band := known(c.limit) && known(c.usual) && row(float64(c.usual)) <= at && at <= row(float64(c.limit))
		var line strings.Builder
		for i, v := range values {
			switch {
			case row(v) == at && i >= since:
				line.WriteString(t.painted(c.verdict.colour, c.verdict.sign))
			case row(v) == at:
				line.WriteString("●")
			case band:
				line.WriteString(t.painted(faint, "░"))
			default:
				line.WriteByte(' ')
			}
		}
		t.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// thinned returns at most n values, each the greatest of its neighbours.
func thinned(values []float64, n int) []float64 {
	if len(values) <= n {
		return values
	}
	few := make([]float64, n)
	for i := range few {
		few[i] = slices.Max(values[i*len(values)/n : (i+1)*len(values)/n])
	}
	return few
}
