package sqlite

import (
	"context"
)

// census adds up again what is kept beside the records.
type census struct {
	tallies  tallies
	outcomes outcomeTallies
	zone     zoneMap
}

func newCensus() *census { return &census{tallies: make(tallies), outcomes: make(outcomeTallies)} }

// censusPart is how many sequence numbers are read in one transaction.
const censusPart = 2000

// add adds the metrics and outcomes with the numbers from first to last. They must follow those of the call before. each gets
// each row, and the map of each zone that is complete.
func (c *census) add(ctx context.Context, q querier, first, last uint64, row func(metricRow) error, zone func(zoneMap) error) error {
	for _, outcomes := range []bool{false, true} {
		rows, err := wholeRows(ctx, q, selection{outcomes: outcomes, where: "seq BETWEEN ? AND ?", args: []any{first, last}, limit: -1})
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := row(r); err != nil {
				return err
			}
			c.count(&r)
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

// count counts a row. What is being removed is in no sum.
func (c *census) count(r *metricRow) {
	if hidden(r.rec.Project) {
		return
	}
	n := &newRow{rec: r.rec, metric: r.rec.Measured(), session: hashEntry{id: r.session}, context: hashEntry{id: r.context}}
	if r.rec.Outcome != nil {
		c.outcomes.add(n)
		return
	}
	c.tallies.add(n, n.metric.At)
}
