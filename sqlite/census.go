package sqlite

import (
	"context"

	"pymon-bridge/monitor"
)

// census adds up again what is kept beside the records.
type census struct {
	tallies  tallies
	outcomes outcomeTallies
	zone     zoneMap
	brought  map[tallyKey]int64 // arrival of the last metric that was read from a destination
}

func newCensus() *census {
	return &census{tallies: make(tallies), outcomes: make(outcomeTallies), brought: make(map[tallyKey]int64)}
}

// censusPart is how many sequence numbers are read in one transaction.
const censusPart = 2000

// add adds the metrics and outcomes with the numbers from first to last. They must follow those of the call before. each gets
// each row, and the map of each zone that is complete.
func (c *census) add(ctx context.Context, q querier, first, last uint64, row func(metricRow) error, zone func(zoneMap) error) error {
	sources, err := sourcesOf(ctx, q, first, last)
	if err != nil {
		return err
	}
	for _, outcomes := range []bool{false, true} {
		rows, err := wholeRows(ctx, q, selection{outcomes: outcomes, where: "seq BETWEEN ? AND ?", args: []any{first, last}, limit: -1})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := row(r); err != nil {
				return err
			}
			c.count(&r, sources[r.rec.Seq])
			if r.rec.Metric == nil {
				continue
			}
			if c.zone.some && c.zone.id != int64(r.rec.Seq/zoneSize) {
				if err := zone(c.zone); err != nil {
					return err
				}
			}
			if !c.zone.some || c.zone.id != int64(r.rec.Seq/zoneSize) {
				c.zone = newZoneMap(r.rec.Seq)
			}
			c.zone.add(r.rec.Metric.At.UTC, r.rec.Metric)
		}
	}
	return nil
}

// count counts a row. from is the destination that the record was read from, empty for none. What is being removed is in no
// sum.
func (c *census) count(r *metricRow, from monitor.Destination) {
	if hidden(r.rec.Project) {
		return
	}
	rec := *r.rec
	rec.Source = from
	n := &newRow{rec: &rec, metric: rec.Measured(), session: hashEntry{id: r.session}, context: hashEntry{id: r.context}}
	if rec.Outcome != nil {
		c.outcomes.add(n)
		return
	}
	if c.tallies.add(n, n.metric.At); from != "" {
		key := tallyKey{r.session, r.context, n.metric.Component, n.metric.Kind}
		c.brought[key] = max(c.brought[key], nanoseconds(rec.Received))
	}
}

// sourcesOf returns the destinations that records between two numbers were read from, by number. They are not owed there. A
// number that is not owed for another reason has no record.
func sourcesOf(ctx context.Context, q querier, first, last uint64) (map[uint64]monitor.Destination, error) {
	sources := make(map[uint64]monitor.Destination)
	err := each(ctx, q, `SELECT max(n.first, ?1), min(n.last, ?2), d.name FROM destinations d CROSS JOIN not_owed n ON n.dest = d.id
		WHERE n.last >= ?1 AND n.first <= ?2 AND n.last <= coalesce((SELECT x.last FROM not_owed x WHERE x.dest = d.id AND x.last >= ?2
		ORDER BY x.last LIMIT 1), ?2)`, []any{first, last}, func(row scanner) error {
		var from, to uint64
		var dest monitor.Destination
		err := row.Scan(&from, &to, &dest)
		for ; err == nil && from <= to; from++ {
			sources[from] = dest
		}
		return err
	})
	return sources, err
}
