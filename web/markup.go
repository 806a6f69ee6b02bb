package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"pymon-bridge/monitor"
)

// literal is markup of this package. Only constants become one without a conversion, so no text from outside does.
type literal string

// markup is HTML in the making. The longest tables are made by it: a template takes several times as long, since it finds each value
// and calls each function by reflection.
type markup struct{ made strings.Builder }

// add adds a literal with a text for each %. A text is escaped, so it may stand between tags or as a quoted value. Where a browser
// takes the value for an address, it has to be one of the bridge.
func (m *markup) add(form literal, texts ...string) {
	rest := string(form)
	for _, text := range texts {
		before, after, _ := strings.Cut(rest, "%")
		m.made.WriteString(before)
		m.made.WriteString(template.HTMLEscapeString(text))
		rest = after
	}
	m.made.WriteString(rest)
}

func (m *markup) addHTML(made template.HTML) { m.made.WriteString(string(made)) }

func (m *markup) html() template.HTML { return template.HTML(m.made.String()) } // #nosec G203 -- made of literals and of escaped texts

// mark shows a status as its sign.
func mark(status any) template.HTML {
	var m markup
	m.add(`<span class="st %" title="%"><i aria-hidden="true">%</i><span class="sr">%</span></span>`,
		class(fmt.Sprint(status)), word(status), sign(status), word(status))
	return m.html()
}

// measurements are the rows of the table of a test.
func (f *frame) measurements(points []*point) template.HTML {
	var m markup
	for _, pt := range points {
		m.add(`<tr><th scope="row"><a href="%">%</a></th>`, f.run(pt.Run), f.text(short(pt.Run)))
		m.add(`<td data-l="Verdict"><span class="st %"><i aria-hidden="true">%</i>%</span></td>`, class(pt.Status), sign(pt.Status), word(pt.Status))
		if pt.ScmRef == "" {
			m.add(`<td data-l="Commit"><span class="dim">none</span></td>`)
		} else {
			m.add(`<td data-l="Commit"><code>%</code></td>`, f.commit(pt.ScmRef))
		}
		m.add(`<td data-l="Started">%</td>`, when(pt.Started))
		f.cell(&m, "CPU", monitor.MetricCPUTime, pt.CPU, pt.Changes[monitor.MetricCPUTime].Status)
		f.cell(&m, "Wall", monitor.MetricTotalTime, pt.Wall, pt.Changes[monitor.MetricTotalTime].Status)
		f.cell(&m, "Memory", monitor.MetricMemUsage, pt.Mem, pt.Changes[monitor.MetricMemUsage].Status)
		m.add("</tr>\n")
	}
	return m.html()
}

// tests are the rows of the tests of a run. most is the greatest wall time.
func (f *frame) tests(rows []*testRow, most float64) template.HTML {
	var m markup
	for _, r := range rows {
		m.add(`<tr><th scope="row">`)
		m.addHTML(mark(r.Status))
		m.add(`<a class="test" href="%"><b>%`, f.test(r.Series, r.Env), f.label(r.Name))
		if on := f.machine(r.Env); on != "" {
			m.add(` <i class="on">%</i>`, on)
		}
		m.add(`</b><span>%</span></a></th>`, f.text(r.File))
		f.cell(&m, "Wall", monitor.MetricTotalTime, r.Wall, r.Changes[monitor.MetricTotalTime])
		m.add(`<td class="barcell">`)
		m.addHTML(bar(float64(r.Wall), float64(r.Before), most, r.Status))
		m.add(`</td>`)
		f.cell(&m, "CPU", monitor.MetricCPUTime, r.CPU, r.Changes[monitor.MetricCPUTime])
		m.add(`<td class="num" data-l="vs. before">%</td>`, f.ratio(r.Ratio))
		f.cell(&m, "Memory", monitor.MetricMemUsage, r.Mem, r.Changes[monitor.MetricMemUsage])
		m.add("</tr>\n")
	}
	return m.html()
}

// cell adds what was measured, with the verdict on it as its class.
func (f *frame) cell(m *markup, title, metric string, value monitor.Number, verdict monitor.Status) {
	m.add(`<td class="num %" data-l="%">%</td>`, string(verdict), title, f.amount(metric, value))
}

func (f *frame) links(tests []monitor.Series) template.HTML {
	var m markup
	for _, s := range tests {
		m.add(`<li><a href="%"><code>%</code></a></li>`, f.test(s, ""), f.text(nameOf(s, 0)))
	}
	return m.html()
}

// pager leads to the pages before and after one of a list, with so many rows on a page.
func (f *frame) pager(offset, number, rows int) template.HTML {
	var m markup
	if offset > 0 {
		m.add(`<a class="btn" rel="prev" href="%">Back</a>`, f.here("offset", strconv.Itoa(max(0, offset-rows))))
	}
	if number-offset > rows { // the sum could be too great for an int
		m.add(`<a class="btn" rel="next" href="%">Next %</a>`, f.here("offset", strconv.Itoa(offset+rows)), strconv.Itoa(rows))
	}
	return m.html()
}
