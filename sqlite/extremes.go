package sqlite

import (
	"math"

	"pymon-bridge/monitor"
)

// extremes are the greatest and the least value of each measurement of a series, NaN while there is none.
type extremes [5]struct{ greatest, least float64 }

// extremeColumns are the columns of the table of that name, in the order of [extremes.columns].
const extremeColumns = `total_time_max, total_time_min, user_time_max, user_time_min, kernel_time_max, kernel_time_min,
		cpu_usage_max, cpu_usage_min, mem_usage_max, mem_usage_min`

func noExtremes() (e extremes) {
	for i := range e {
		e[i].greatest, e[i].least = math.NaN(), math.NaN()
	}
	return e
}

// columns returns where to scan them.
func (e *extremes) columns() []any {
	into := make([]any, 0, 2*len(e))
	for i := range e {
		into = append(into, float{&e[i].greatest}, float{&e[i].least})
	}
	return into
}

// widen takes in a metric and says whether that changed anything.
func (e *extremes) widen(m *monitor.Metric) (changed bool) {
	for i, f := range m.Floats() {
		if math.IsNaN(f) {
			continue
		}
		if !(f <= e[i].greatest) { // also when there is none yet
			e[i].greatest, changed = f, true
		}
		if !(f >= e[i].least) {
			e[i].least, changed = f, true
		}
	}
	return changed
}

// widenSeries keeps the extremes of a metric's series. A test's first measurements set most of its extremes, so this
// soon happens seldom.
func (a *appender) widenSeries(p *placing) error {
	if !p.extremes.widen(p.rec.Metric) {
		return nil
	}
	args := []any{p.series}
	for _, e := range p.extremes {
		args = append(args, number(e.greatest), number(e.least))
	}
	a.series.put(seriesKey(&p.stable), serial{id: p.series, extremes: p.extremes})
	_, err := a.exec("REPLACE INTO extremes (series, "+extremeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", args...)
	return err
}
