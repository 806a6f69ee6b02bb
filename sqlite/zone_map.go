package sqlite

import (
	"context"
	"math"
	"strings"

	"pymon-bridge/monitor"
)

// zoneSize is how many sequence numbers a zone has. Smaller zones have fewer metrics to read, but there are more zones
// to choose from.
const zoneSize = 64

// zoneMap has the least and greatest measurements of a zone. A measurement that no metric has is NaN.
type zoneMap struct {
	id      int64 // zone n has the sequence numbers from n * zoneSize
	first   int64 // start of the metric that started first; 0 without metrics
	some    bool  // the zone has a metric
	extreme [monitor.Measurements]struct{ greatest, least float64 }
}

func newZoneMap(seq uint64) zoneMap {
	z := zoneMap{id: int64(seq / zoneSize)}
	for i := range z.extreme {
		z.extreme[i].greatest, z.extreme[i].least = math.NaN(), math.NaN()
	}
	return z
}

// add adds a metric.
func (z *zoneMap) add(start int64, m *monitor.Metric) {
	if !z.some || start < z.first {
		z.first, z.some = start, true
	}
	for i, v := range m.Values() {
		e := &z.extreme[i]
		if math.IsNaN(*v) {
			continue
		}
		if !(*v <= e.greatest) { // true for NaN, too
			e.greatest = *v
		}
		if !(*v >= e.least) {
			e.least = *v
		}
	}
}

// addToZone adds a metric that is being stored to its zone map. With the first metric of a zone, the zone before it is
// complete, and its map is written.
func (w *writer) addToZone(seq uint64, start int64, m *monitor.Metric) error {
	if int64(seq/zoneSize) != w.open.id {
		if err := w.writeZoneMap(); err != nil {
			return err
		}
		w.open = newZoneMap(seq)
	}
	w.open.add(start, m)
	return nil
}

var insertZoneMap = func() string {
	columns := "id, first_ns"
	for i := range monitor.Measurements {
		columns += ", " + i.String() + "_max, " + i.String() + "_min"
	}
	return strings.Replace(insertInto("zone_maps", columns), "INSERT", "REPLACE", 1) // it may have got a row before later zones were removed
}()

func (w *writer) writeZoneMap() error {
	if !w.open.some {
		return nil
	}
	return w.writeZone(w.open)
}

func (w *writer) writeZone(z zoneMap) error {
	args := []any{z.id, z.first}
	for _, e := range z.extreme {
		args = append(args, number(e.greatest), number(e.least))
	}
	_, err := w.exec(insertZoneMap, args...)
	return err
}

// lastZone computes the map of the zone that has the last metric.
func lastZone(ctx context.Context, q querier) (zoneMap, error) {
	last, err := countOf(ctx, q, newClause("SELECT coalesce(max(seq), 0) FROM metrics"))
	if err != nil {
		return newZoneMap(0), err
	}
	return zoneOf(ctx, q, uint64(last))
}

// zoneOf computes the map of the zone of a number.
func zoneOf(ctx context.Context, q querier, seq uint64) (zoneMap, error) {
	z := newZoneMap(seq)
	var m monitor.Metric
	var start int64
	err := each(ctx, q, "SELECT utc_ns, "+measurementColumns+" FROM metrics WHERE seq BETWEEN ? AND ?",
		[]any{z.id * zoneSize, z.id*zoneSize + zoneSize - 1}, func(row scanner) error {
			err := row.Scan(append([]any{&start}, floats(&m)...)...)
			z.add(start, &m)
			return err
		})
	return z, err
}
