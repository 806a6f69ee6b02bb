package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// The size of the histogram in pixels, and its marks.
const histWidth, histHeight, histBase, histTop = 640.0, 150.0, 118.0, 100.0

var histMarks = []float64{0.4, 0.6, 0.8, 1, 1.25, 1.6, 2, 2.5}

// histogram draws how the wall time of all tests compares with earlier runs. Heights are logarithmic, so that one test is
// seen beside thousands.
func histogram(all []bin) template.HTML {
	most, faster, slower, total := 1, 0, 0, 0
	for i, b := range all {
		most = max(most, b.Count)
		total += b.Count
		switch ratio := math.Exp2((float64(i)/(bins-1)*2 - 1) * binRange); {
		case ratio < 0.8:
			faster += b.Count
		case ratio > 1.25:
			slower += b.Count
		}
	}
	scale := histTop / math.Log10(float64(most)+1)
	height := func(n int) float64 { return max(3, math.Log10(float64(n)+1)*scale) }
	x := func(ratio float64) float64 { return (math.Log2(ratio)/binRange + 1) / 2 * histWidth }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="hist" viewBox="0 0 %.0f %.0f" role="img" aria-label="The wall time of %s compared with earlier runs: %s took less than 0.8 times as long, %s more than 1.25 times.">`,
		histWidth, histHeight, count(total, "test"), thousands(faster), thousands(slower))
	for c := 10; c < most; c *= 100 {
		y := histBase - height(c)
		fmt.Fprintf(&s, `<line class="grid" x1="0" x2="%.0f" y1="%.1f" y2="%.1f"/><text x="2" y="%.1f">%s</text>`, histWidth, y, y, y-3, thousands(c))
	}
	for i, b := range all {
		if b.Count == 0 {
			continue
		}
		h := height(b.Count)
		fmt.Fprintf(&s, `<rect class="b %s" x="%.1f" y="%.1f" width="6" height="%.1f" rx="1"><title>%s near ×%.2f</title></rect>`,
			class(string(b.Worst)), float64(i)/(bins-1)*(histWidth-7), histBase-h, h, count(b.Count, "test"), math.Exp2((float64(i)/(bins-1)*2-1)*binRange))
	}
	fmt.Fprintf(&s, `<line class="axis" x1="0" x2="%.0f" y1="%.0f" y2="%.0f"/>`, histWidth, histBase, histBase)
	for i, mark := range histMarks {
		label, class := fmt.Sprintf("×%g", mark), "x"
		switch {
		case mark == 1:
			label = "as before"
		case i%3 != 0:
			class = "x odd" // a phone has no room for it
		}
		fmt.Fprintf(&s, `<text class="%s" x="%.1f" y="%.0f">%s</text>`, class, x(mark), histBase+18, label)
	}
	s.WriteString("</svg>")
	return template.HTML(s.String()) // #nosec G203 -- made of numbers and of words of this package
}
